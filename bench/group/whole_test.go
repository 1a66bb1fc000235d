package group

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A replica that does not believe its state counts as faulty, and is not whole.
func TestWhole(t *testing.T) {
	whole := Status{Executed: 7, Connected: []string{"a", "b", "c"}}
	if !whole.whole(7, 3) {
		t.Error("what is whole is not")
	}
	for name, change := range map[string]func(*Status){
		"behind":       func(s *Status) { s.Executed = 6 },
		"recovering":   func(s *Status) { s.Recovery = "why" },
		"fetching":     func(s *Status) { s.Transfer = "windows" },
		"suspect":      func(s *Status) { s.Repair = "why" },
		"disconnected": func(s *Status) { s.Connected = s.Connected[:2] },
	} {
		s := whole
		if change(&s); s.whole(7, 3) {
			t.Errorf("%s: whole", name)
		}
	}
	if whole.compared() {
		t.Error("compared before the first round")
	}
	if whole.Scrub.Rounds = 1; !whole.compared() {
		t.Error("not compared after a round")
	}
}

// An alarm or a proof is an error wherever nobody damaged anything.
func TestSound(t *testing.T) {
	dir := t.TempDir()
	g := &Group{Replicas: []*Replica{{Name: "replica-0", Dir: filepath.Join(dir, "0")}, {Name: "replica-1", Dir: filepath.Join(dir, "1")}}}
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(g.Replicas[1].Data(), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sound := func(want string) {
		t.Helper()
		err := g.Sound()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
	sound("")
	put("ALARM", "it differs")
	sound("replica-1 raised an alarm about its own state, although nobody damaged it: it differs")
	g.Replicas[1].Harmed = true
	sound("")
	put("evidence/a", "proof")
	sound("1/data/evidence/a")
	if err := g.Replicas[1].Wipe(); err != nil || g.Replicas[1].Harmed {
		t.Errorf("%v; harmed %v", err, g.Replicas[1].Harmed)
	}
	sound("")
}

// Only who refuses his folder is replaced: a panic that names the file is none.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		script  string
		refused bool
	}{
		"damage":         {"echo log/mark is damaged; exit 3", true},
		"foreign":        {"echo the file mark is that of another replica; exit 1", true},
		"panic":          {"echo panic: mark; exit 2", false},
		"killed":         {"echo mark; kill -9 $$", false},
		"does not say":   {"echo it is damaged; exit 3", false},
		"as if in order": {"echo mark; exit 0", false},
	} {
		r := &Replica{Name: name, Dir: dir, log: filepath.Join(dir, name), binary: "--", Wrap: []string{"sh", "-c", c.script}}
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := r.Refused(limited(t), "/data/log/mark"); (err == nil) != c.refused {
			t.Errorf("%s: %q, %v", name, line, err)
		}
	}
}
