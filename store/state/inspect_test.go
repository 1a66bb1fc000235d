package state

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/storetest"
)

// lived makes the directory of a store that has tables and, unless it was closed,
// a write-ahead log, and copies it as a killed process leaves it.
func lived(t *testing.T, closed bool) (dir string, marker statemachine.Marker) {
	t.Helper()
	from := t.TempDir()
	s := mustOpen(t, from)
	fill := func(v statemachine.Version) {
		var changes []statemachine.Change
		for i := range 40 {
			changes = append(changes, storetest.Set(fmt.Sprintf("key-%03d", i), fmt.Sprintf("value %d of %d", i, v)))
		}
		mustApply(t, s, v, changes...)
	}
	fill(v128)
	s = reopen(t, s)
	fill(v256)
	if err := s.SaveSnapshot([]byte("a snapshot")); err != nil {
		t.Fatal(err)
	}
	if closed {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	dir = filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return dir, storetest.MarkerAt(v256)
}

func inspect(t *testing.T, dir string) (statemachine.Marker, []Finding) {
	t.Helper()
	s, found, closing, err := Inspect(Inspection{Dir: dir})
	defer closing()
	if err != nil {
		t.Fatal(err)
	}
	if s == nil {
		if len(found) == 0 {
			t.Fatal("neither a store nor a finding")
		}
		return statemachine.Marker{}, found
	}
	m, err := s.Marker()
	if err != nil {
		t.Fatal(err)
	}
	return m, found
}

func sums(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	out := map[string][32]byte{}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(name)] = sha256.Sum256(raw)
	}
	return out
}

// R121, R56: an inspection of a state that is in order finds nothing, reads the
// state at its marker, and changes no byte.
func TestInspectWhole(t *testing.T) {
	for _, closed := range []bool{false, true} {
		dir, want := lived(t, closed)
		before := sums(t, dir)
		s, found, closing, err := Inspect(Inspection{Dir: dir})
		if err != nil || s == nil || len(found) > 0 {
			t.Fatalf("closed %v: %v, %v", closed, found, err)
		}
		storetest.WantMarker(t, s, want)
		if value, ok, err := s.Read([]byte("key-007"), want.Version); err != nil || !ok || string(value) != "value 7 of 65536" {
			t.Errorf("read %q, %v, %v", value, ok, err)
		}
		if s.Apply(nil, storetest.MarkerAt(v256+256)) == nil {
			t.Error("an inspected state was written to")
		}
		closing()
		if after := sums(t, dir); fmt.Sprint(before) != fmt.Sprint(after) {
			t.Errorf("closed %v: the directory was changed: %v, then %v", closed, before, after)
		}
		_, _, closing, err = Inspect(Inspection{Dir: dir, Identity: crypto.Hash(crypto.KindEntry, nil)})
		closing()
		storetest.WantErr(t, "inspect as another replica", err, ErrForeign)
	}
}

// R121: whichever bit of a state's files flips, it is named, or the state at the
// marker is read as it was written. Nothing crashes.
func TestInspectFlips(t *testing.T) {
	const step = 97
	for _, closed := range []bool{false, true} {
		dir, want := lived(t, closed)
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			end := min(len(raw), 12_000) // what follows in a preallocated file is zero
			named := 0
			for at := 0; at < end; at += step {
				f, err := os.OpenFile(name, os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.WriteAt([]byte{raw[at] ^ 1<<(at%8)}, int64(at)); err != nil {
					t.Fatal(err)
				}
				m, found := inspect(t, dir)
				if len(found) > 0 {
					named++
					for i := range found {
						if found[i].String() == "" {
							t.Errorf("%s at %d: a finding without words", name, at)
						}
					}
				} else if m != want {
					t.Errorf("%s at %d: the marker is %v, and nothing was found", filepath.Base(name), at, m.Version)
				}
				if _, err := f.WriteAt(raw[at:at+1], int64(at)); err != nil {
					t.Fatal(err)
				}
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%s, closed %v: %d flips, %d named", filepath.Base(name), closed, (end+step-1)/step, named)
		}
	}
}

// R121: a file that is cut or gone is named, or was needed by nothing. Of a
// write-ahead log that is gone the store knows nothing: what shows it is the log of
// the replica, which says that a later state was durable.
func TestInspectCut(t *testing.T) {
	for _, closed := range []bool{false, true} {
		dir, want := lived(t, closed)
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, size := range []int{len(raw) - 1, min(len(raw), 5000) / 2, 3, 0, -1} {
				if size < 0 {
					err = os.Remove(name)
				} else {
					err = os.WriteFile(name, raw[:min(size, len(raw))], 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
				if m, found := inspect(t, dir); len(found) == 0 && m != want && (size > 0 || filepath.Ext(name) != memSuffix) {
					t.Errorf("closed %v: %s cut to %d bytes: the marker is %v, and nothing was found", closed, filepath.Base(name), size, m.Version)
				}
				if err := os.WriteFile(name, raw, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// R81, R121: a write-ahead log that ends in the middle of a record opens, since a crash
// may have cut it, and the operator is told what Badger does not tell.
func TestTornEndIsSaid(t *testing.T) {
	for _, torn := range []bool{false, true} {
		dir, _ := lived(t, false)
		if torn {
			logs, err := filepath.Glob(filepath.Join(dir, "*"+memSuffix))
			if err != nil || len(logs) == 0 {
				t.Fatalf("%d logs, %v", len(logs), err)
			}
			for _, name := range logs {
				raw, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				w := walReader{raw: raw}
				if end := w.run(); end > walHeader { // not one that is claimed ahead
					if err := os.Truncate(name, int64(end-1)); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		var said bytes.Buffer
		s, err := Open(Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(&said, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(said.String(), "has lost the end of a file"); told != torn {
			t.Errorf("torn %v, and told %v: %s", torn, told, said.String())
		}
	}
}
