package state

import (
	"bytes"
	"go/parser"
	"go/token"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/storetest"
)

// R87: a directory belongs to one replica.
func TestIdentity(t *testing.T) {
	cfg := Config{Dir: filepath.Join(t.TempDir(), "deep", "state"), Identity: crypto.Hash(crypto.KindEntry, []byte("r0"))}
	for range 2 {
		s, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		// A second process is refused while the first is there.
		if second, err := Open(cfg); err == nil {
			t.Error("the same directory was opened twice", second.Close())
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		other := cfg
		other.Identity[0] ^= 1
		_, err = Open(other)
		storetest.WantErr(t, "open as another replica", err, ErrForeign)
	}
}

func TestUnknownFormat(t *testing.T) {
	for name, raw := range map[string][]byte{
		"newer":  append([]byte{0, 0, 0, 2}, make([]byte, 32)...),
		"longer": append([]byte{0, 0, 0, 1}, make([]byte, 33)...),
		"short":  {0, 0, 0},
	} {
		s := mustOpen(t, t.TempDir())
		if err := s.db.put(2, entry{identityKey, raw}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := Open(Config{Dir: s.space.dir})
		storetest.WantErr(t, "open a format that is "+name, err, ErrFormat)
	}
}

// R121: where the list of tables was cut, Badger opens without those that it named
// last, and deletes them. What is left must not pass for a state, nor for that of
// another program: the replica can fetch it anew.
func TestContentsWithoutIdentity(t *testing.T) {
	dir := t.TempDir()
	d, err := openDatabase(dir, logger{to: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	b := d.newBulk(1)
	if err := b.set([]byte("a"), nil); err != nil {
		t.Fatal(err)
	}
	if err := b.flush(); err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(Config{Dir: dir})
	storetest.WantErr(t, "open", err, statemachine.ErrRot)
}

func TestClosed(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	mustApply(t, s, v128, storetest.Set("a", "1"), storetest.Set("b", "1"))
	inside, closed := make(chan struct{}), make(chan error)
	go func() {
		<-inside
		closed <- s.Close()
	}()
	seen := 0
	err := s.Scan(nil, nil, v128, func(_, _ []byte) bool {
		if seen++; seen == 1 {
			close(inside)
		}
		select {
		case err := <-closed:
			t.Errorf("closed under a scan: %v", err)
		default:
		}
		return true
	})
	if err != nil || seen != 2 {
		t.Errorf("scan: %d keys, %v", seen, err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	_, _, err = s.Read([]byte("a"), v128)
	storetest.WantErr(t, "read", err, ErrClosed)
	storetest.WantErr(t, "apply", s.Apply(nil, storetest.MarkerAt(v256)), ErrClosed)
	if err := s.Close(); err != nil {
		t.Error("second close:", err)
	}
}

func TestBounds(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	longest := statemachine.Change{Key: bytes.Repeat([]byte{'k'}, KeyBytesMax), Value: make([]byte, ValueBytesMax)}
	mustApply(t, s, v128, longest)
	storetest.WantState(t, reopen(t, s), v128, longest)
	for _, c := range []statemachine.Change{
		{Key: make([]byte, KeyBytesMax+1)},
		{Key: []byte("k"), Value: make([]byte, ValueBytesMax+1)},
	} {
		if _, err := checkChanges([]statemachine.Change{c}); err == nil {
			t.Errorf("a key of %d and a value of %d bytes were taken", len(c.Key), len(c.Value))
		}
	}
}

// The control entry has one encoding; everything else is refused.
func TestControlEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := control{sets: rapid.Uint64().Draw(t, "sets")}
		c.marker.Version = statemachine.Version(rapid.Uint64().Draw(t, "marker"))
		c.retired = statemachine.Version(rapid.Uint64Max(uint64(c.marker.Version)).Draw(t, "retired"))
		c.floor = statemachine.Version(rapid.Uint64Max(uint64(c.marker.Version)).Draw(t, "floor"))
		for _, v := range rapid.SliceOfN(rapid.Uint64(), 0, 4).Draw(t, "suspects") {
			c.suspects = union(c.suspects, []statemachine.Version{statemachine.Version(v)}, c.marker.Version)
		}
		if c.floor < c.marker.Version {
			c.gaps = []gap{{c.floor, c.marker.Version}}
		}
		raw := c.marshal()
		got, err := readControl(raw)
		if err != nil || !bytes.Equal(got.marshal(), raw) {
			t.Fatalf("%x reads as %+v, %v", raw, got, err)
		}
		if _, err := readControl(append(raw, 0)); err == nil {
			t.Fatalf("%x with a trailing byte was read", raw)
		}
		if _, err := readControl(raw[:len(raw)-1]); err == nil {
			t.Fatalf("%x without its last byte was read", raw)
		}
	})
}

func FuzzReadControl(f *testing.F) {
	f.Add((&control{}).marshal())
	f.Add((&control{marker: storetest.MarkerAt(v128), suspects: []statemachine.Version{v256}}).marshal())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if c, err := readControl(raw); err == nil && !bytes.Equal(c.marshal(), raw) {
			t.Errorf("%x is another encoding of %x", raw, c.marshal())
		}
	})
}

// Badger's other ways to read and write see or leave unfinished versions: only
// db.go may reach them.
func TestOneFileImportsBadger(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			describes := strings.HasSuffix(i.Path.Value, `badger/v4/fb"`) // its files, for tests that damage them
			if strings.Contains(i.Path.Value, "badger") && !describes && name != "db.go" && name != "files.go" {
				t.Errorf("%s imports %s", name, i.Path.Value)
			}
		}
	}
}

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	l := logger{to: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))}
	l.Infof("not for %s", "operators")
	l.Errorf("disk %d\n", 7)
	if text := out.String(); !strings.Contains(text, `level=WARN msg="badger: disk 7"`) || strings.Contains(text, "operators") {
		t.Error(text)
	}
}
