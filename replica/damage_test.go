package replica_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/replica"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// A damage is something that happens to the folder of a stopped replica.
type damage struct {
	name string
	do   func(t *testing.T, dir string)
	mute bool // the replica may have forgotten what it promised, and recovers (R83, R92)
	kept string
}

func remove(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// emptied removes everything in a folder.
func emptied(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		remove(e.Name())(t, dir)
	}
}

// newest returns the last segment of the log.
func newest(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "log", "segment-*"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	return names[len(names)-1]
}

// edit changes the bytes of the newest segment.
func edit(change func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		name := newest(t, dir)
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, change(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

var damages = []damage{
	{name: "VERSION is gone", do: remove("VERSION"), mute: true},
	{name: "VERSION is garbled", mute: true, do: func(t *testing.T, dir string) {
		if err := os.WriteFile(filepath.Join(dir, "VERSION"), []byte("varangi\x00"), 0o600); err != nil {
			t.Fatal(err)
		}
	}},
	{name: "the mark is gone", do: remove("log/mark"), mute: true, kept: "log"},
	{name: "the log is gone", do: remove("log"), mute: true, kept: "log"},
	{name: "a segment is gone", mute: true, kept: "log", do: func(t *testing.T, dir string) { remove("log/"+filepath.Base(newest(t, dir)))(t, dir) }},
	{name: "a bit of the log is flipped", mute: true, kept: "log", do: edit(func(b []byte) []byte { b[4096+64] ^= 1; return b })},
	{name: "a segment is cut", mute: true, kept: "log", do: edit(func(b []byte) []byte { return b[:4096] })},
	{name: "everything is gone", do: emptied, mute: true},
	{name: "the folder is gone", do: remove(""), mute: true},
	{name: "the state is gone", do: remove("state")},
	{name: "the state has lost its list of tables", kept: "state", do: remove("state/MANIFEST")},
	{name: "the list of the state's tables is garbled", kept: "state", do: func(t *testing.T, dir string) {
		if err := os.WriteFile(filepath.Join(dir, "state", "MANIFEST"), []byte("garbage"), 0o600); err != nil {
			t.Fatal(err)
		}
	}},
}

// A writer counts up without a pause.
type writer struct {
	t     *testing.T
	stop  context.CancelFunc
	done  chan struct{}
	count int // acknowledged; read after end
}

func newWriter(t *testing.T, c *client.Client) *writer {
	ctx, stop := context.WithCancel(t.Context())
	w := &writer{t: t, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for ctx.Err() == nil {
			if _, err := c.Invoke(ctx, kv.Increment([]byte("n"), 1)); err == nil {
				w.count++
			} else if ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	}()
	t.Cleanup(w.end)
	return w
}

func (w *writer) end() {
	w.stop()
	<-w.done
}

// counted compares the count with the acknowledgements: of the last increment it
// may not be known whether it was executed.
func (w *writer) counted(c *client.Client) {
	w.t.Helper()
	n, err := kv.DecodeIncrement(invoke(w.t, c, kv.Increment([]byte("n"), 1)).Value)
	if err != nil || n < int64(w.count)+1 || n > int64(w.count)+2 {
		w.t.Errorf("%d increments gave %v (%v)", w.count+1, n, err)
	}
}

// TestDamageHeals: whatever a stopped replica's folder has lost, it comes back: with
// recovery if it may have forgotten what it promised, and never as a voter before;
// and ends equal with the others, and voting (R83, R91, R92).
func TestDamageHeals(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.dial()
	w := newWriter(t, c)
	dir := g.config(3).DataDir
	advanced := func() {
		t.Helper()
		from := g.replica[0].Status().Executed
		await(t, "the group goes on", func() bool { return g.replica[0].Status().Executed > from+20 })
	}
	for _, d := range damages {
		advanced()
		g.end(3)
		d.do(t, dir)
		g.start(3)
		began := false
		await(t, d.name+": r3 is back", func() bool {
			s, other := g.replica[3].Status(), g.replica[0].Status()
			began = began || s.Recovering != ""
			return s.Executed > 0 && s.Executed+16 >= other.Executed && s.Recovering == "" && (began || !d.mute)
		})
		if began && !d.mute {
			t.Errorf("%s: it recovered, although its log was whole", d.name)
		}
		if _, err := os.Stat(filepath.Join(dir, "RECOVER")); err == nil {
			t.Errorf("%s: RECOVER was left", d.name)
		}
		kept, err := filepath.Glob(filepath.Join(dir, "*.damaged-*"))
		if err != nil || d.kept == "" && len(kept) > 0 || d.kept != "" && (len(kept) != 1 || !strings.Contains(kept[0], d.kept+".damaged-1")) {
			t.Errorf("%s: set aside: %v, %v", d.name, kept, err)
		}
		if a := replica.ReadAlarm(dir); d.kept == "state" && (a == nil || strings.Contains(a.Reason, "missing beside")) {
			t.Errorf("%s: the alarm does not say why the state was set aside: %v", d.name, a)
		}
		remove("log.damaged-1")(t, dir)
		remove("state.damaged-1")(t, dir)
	}
	// It is a voter: without another one nothing would be ordered.
	g.end(2)
	advanced()
	w.end()
	w.counted(c)
	await(t, "r3 is equal", func() bool {
		a, b := g.replica[3].Status(), g.replica[0].Status()
		return a.Executed == b.Executed && a.History == b.History
	})
}

// TestEmptiedFolderHeals: recovery needs no traffic of clients (R92).
func TestEmptiedFolderHeals(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.dial()
	for range 20 {
		invoke(t, c, kv.Increment([]byte("n"), 1))
	}
	g.end(3)
	emptied(t, g.config(3).DataDir)
	g.start(3)
	began := false
	await(t, "r3 is back", func() bool {
		s, other := g.replica[3].Status(), g.replica[0].Status()
		began = began || s.Recovering != ""
		return began && s.Recovering == "" && s.Executed == other.Executed && s.History == other.History
	})
}

// TestAsideIsBounded: of what was set aside the newest two of each kind are kept.
func TestAsideIsBounded(t *testing.T) {
	g := newGroup(t, 4, small())
	g.end(3)
	dir := g.config(3).DataDir
	for range 4 {
		remove("log/mark")(t, dir)
		r, err := replica.New(g.config(3), kv.New())
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	kept, err := filepath.Glob(filepath.Join(dir, "*.damaged-*"))
	if err != nil || len(kept) != 2 || filepath.Base(kept[0]) != "log.damaged-3" || filepath.Base(kept[1]) != "log.damaged-4" {
		t.Errorf("kept: %v, %v", kept, err)
	}
}

// TestOldCopyHeals: an old copy of the folder looks whole from within, and what the
// others hold of this replica shows that it is not (R7, R91).
func TestOldCopyHeals(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.dial()
	dir := g.config(3).DataDir
	for range 20 {
		invoke(t, c, kv.Increment([]byte("n"), 1))
	}
	g.end(3)
	old := filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	g.start(3)
	for range 60 {
		invoke(t, c, kv.Increment([]byte("n"), 1))
	}
	await(t, "r3 has voted", func() bool { return g.replica[3].Status().Executed == g.replica[0].Status().Executed })
	g.end(3)
	emptied(t, dir)
	if err := os.CopyFS(dir, os.DirFS(old)); err != nil {
		t.Fatal(err)
	}
	g.start(3)
	began := false
	await(t, "r3 found out and is back", func() bool {
		s, other := g.replica[3].Status(), g.replica[0].Status()
		began = began || s.Recovering != ""
		return began && s.Recovering == "" && s.Executed == other.Executed && s.History == other.History
	})
}

// TestCrashWhileSettingAside: as long as the log does not say so itself, every start
// comes out as recovery again (R83).
func TestCrashWhileSettingAside(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.dial()
	for range 20 {
		invoke(t, c, kv.Increment([]byte("n"), 1))
	}
	g.end(3)
	dir := g.config(3).DataDir
	remove("log/mark")(t, dir)
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"before anything was done", func() {}},
		{"after the log was renamed", func() { remove("log")(t, dir) }},
		{"after a new log was made", func() {}},
	} {
		r, err := replica.New(g.config(3), kv.New())
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		r.Close() // it never ran, as if a crash had come
		if _, err := os.Stat(filepath.Join(dir, "RECOVER")); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		step.do()
	}
	g.start(3)
	began := false
	await(t, "r3 recovers", func() bool {
		s := g.replica[3].Status()
		began = began || s.Recovering != ""
		return began && s.Recovering == ""
	})
}

// TestAloneCannotRecover: a group of one has nobody to ask, and its folder is left
// as it is.
func TestAloneCannotRecover(t *testing.T) {
	g := newGroup(t, 1, small())
	c := g.dial()
	for range 20 {
		invoke(t, c, kv.Put([]byte("k"), []byte("v")))
	}
	g.end(0)
	whole := g.config(0).DataDir
	for _, d := range damages {
		cfg := g.config(0)
		cfg.DataDir = filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(cfg.DataDir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		d.do(t, cfg.DataDir)
		_, err := replica.New(cfg, kv.New())
		if replica.ExitCode(err) != replica.ExitDisk || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "nobody to recover from") {
			t.Errorf("%s: status %d: %v", d.name, replica.ExitCode(err), err)
		}
		if left, _ := filepath.Glob(filepath.Join(cfg.DataDir, "*.damaged-*")); len(left) > 0 {
			t.Errorf("%s: it set aside %v", d.name, left)
		}
	}
}

// TestFirstStart: an empty folder is one that was wiped, unless somebody says that
// the replica never ran.
func TestFirstStart(t *testing.T) {
	g := layOut(t, 4, consensus.DefaultParameters())
	cfg := g.config(0)
	cfg.DataDir = filepath.Join(t.TempDir(), "by hand")
	cfg.FirstStart = true
	r, err := replica.New(cfg, kv.New())
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	for _, name := range []string{"RECOVER", "NEW"} {
		if _, err := os.Stat(filepath.Join(cfg.DataDir, name)); err == nil {
			t.Errorf("%s is there", name)
		}
	}
	cfg.DataDir, cfg.FirstStart = filepath.Join(t.TempDir(), "wiped"), false
	if r, err = replica.New(cfg, kv.New()); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if why, err := os.ReadFile(filepath.Join(cfg.DataDir, "RECOVER")); err != nil || !strings.Contains(string(why), "is empty") {
		t.Errorf("RECOVER: %q, %v", why, err)
	}
}
