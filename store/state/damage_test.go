package state

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/storetest"
)

const precious = "a value that is easy to find in a file"

// flip changes one bit of the precious value in the tables of a directory.
func flip(t *testing.T, dir string) {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range tables {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(raw, []byte(precious))
		if at < 0 {
			continue
		}
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt([]byte{raw[at] ^ 1}, int64(at))
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("none of %d tables holds the value", len(tables))
}

// R121: a bit that flips in a table in use is an error that names key and
// version.
func TestRotInUse(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	mustApply(t, s, v128, storetest.Set("key", precious))
	s = reopen(t, s)
	flip(t, s.space.dir)
	_, _, err := s.Read([]byte("key"), v128)
	storetest.WantErr(t, "read", err, statemachine.ErrRot)
	if text := err.Error(); !strings.Contains(text, "key") || !strings.Contains(text, fmt.Sprint(uint64(v128))) {
		t.Errorf("%q does not name key and version", text)
	}
	err = s.Scan(nil, nil, v128, func(_, _ []byte) bool { return true })
	storetest.WantErr(t, "scan", err, statemachine.ErrRot)
	_, err = s.Window(0, v128)
	storetest.WantErr(t, "window", err, statemachine.ErrRot)

	p, damaged, err := statemachine.StoredPartitions(s, v128)
	if err != nil || damaged.Len() != 1 || !damaged.Holds([]byte("key")) || p.Count() != 0 {
		t.Fatalf("what is stored has %d damaged partitions and %d entries, %v", damaged.Len(), p.Count(), err)
	}

	// An installation of the right contents repairs it, at the same sequence and in
	// its partition alone.
	var of statemachine.PartitionSet
	of.Add(statemachine.PartitionOf([]byte("key")))
	m, err := s.Install(128, crypto.Digest{}, of, contentsOf([]statemachine.Change{storetest.Set("key", precious)}))
	if err != nil {
		t.Fatal(err)
	}
	storetest.WantState(t, s, m.Version, storetest.Set("key", precious))
}

func TestRotAtRest(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	mustApply(t, s, v128, storetest.Set("key", precious))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	flip(t, s.space.dir)
	wantRefused(t, s.space.dir, "checksum mismatch")
}

// R121: a table that was cut is refused by name. Badger parses tables in goroutines
// of its own, where a panic would end the process without a word to the operator.
func TestTableCutAtRest(t *testing.T) {
	for _, left := range []float64{0, 0.1, 0.5, 0.9} {
		s := mustOpen(t, t.TempDir())
		mustApply(t, s, v128, storetest.Set("key", precious))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		tables, err := filepath.Glob(filepath.Join(s.space.dir, "*.sst"))
		if err != nil || len(tables) == 0 {
			t.Fatalf("tables %v, %v", tables, err)
		}
		info, err := os.Stat(tables[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(tables[0], int64(left*float64(info.Size()))); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, s.space.dir, filepath.Base(tables[0]))
	}
}

// R121: a right value in a wrong place is as wrong as a flipped bit.
func TestMisplaced(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	mustApply(t, s, v128, storetest.Set("a", "1"), storetest.Set("b", "1"))
	for name, sealed := range map[string][]byte{
		"of another key":     appendSealed(nil, dataKey([]byte("b")), uint64(v128), []byte("1")),
		"of another version": appendSealed(nil, dataKey([]byte("a")), uint64(v256), []byte("1")),
		"cut short":          {1, 2, 3},
	} {
		if _, err := unseal(dataKey([]byte("a")), uint64(v128), sealed); !errors.Is(err, statemachine.ErrRot) {
			t.Errorf("a value %s was taken: %v", name, err)
		}
	}
}

// R121: Badger's log opens cleanly with a hole in it; values that are lacking at
// the marker are noticed.
func TestHole(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	mustApply(t, s, v128, storetest.Set("a", "1"), storetest.Delete("b"))
	more := *s.valid.Load()
	more.sets++
	if err := s.settle(more); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(Config{Dir: s.space.dir})
	storetest.WantErr(t, "open", err, statemachine.ErrRot)
	if s != nil {
		t.Error("a store came with the error")
	}
}

func TestMissingTable(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	mustApply(t, s, v128, storetest.Set("key", precious))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(s.space.dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	if err := os.Remove(tables[0]); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, s.space.dir, "it is missing")
}

// R88: without room nothing is begun, the state stays, and the same write
// succeeds once there is room.
func TestNoSpace(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	mustApply(t, s, v128, storetest.Set("a", "1"))
	for _, reserve := range []uint64{math.MaxUint64, 1 << 60} {
		s.space.reserve = reserve
		err := s.Apply([]statemachine.Change{storetest.Set("a", "2")}, storetest.MarkerAt(v256))
		storetest.WantErr(t, "apply", err, statemachine.ErrNoSpace)
		_, err = s.Install(256, crypto.Digest{}, statemachine.AllPartitions(), contentsOf(nil))
		storetest.WantErr(t, "install", err, statemachine.ErrNoSpace)
		storetest.WantErr(t, "snapshot", s.SaveSnapshot([]byte("s")), statemachine.ErrNoSpace)
		storetest.WantMarker(t, s, storetest.MarkerAt(v128))
		storetest.WantState(t, s, v128, storetest.Set("a", "1"))
	}
	s.space.reserve = 0
	mustApply(t, s, v256, storetest.Set("a", "2"))
	storetest.WantState(t, s, v256, storetest.Set("a", "2"))
}

// R81: after a write that failed nothing more is written.
func TestFailedWriteIsFinal(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	mustApply(t, s, v128, storetest.Set("a", "1"))
	broken := errors.New("input/output error")
	if err := s.change(func(*control) error { return broken }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	storetest.WantErr(t, "apply", s.Apply(nil, storetest.MarkerAt(v256)), broken)
	storetest.WantErr(t, "retire", s.Retire(v128), broken)
	storetest.WantState(t, s, v128, storetest.Set("a", "1"))
}

// R88: a limit on file sizes is found out at the start, not by a fault in the
// middle of a write.
func TestFileSizeLimit(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("sh", "-c", `ulimit -f 16384 && exec "$0" -test.run='^$'`, os.Args[0])
	cmd.Env = append(os.Environ(), victimVariable+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "failed "+statemachine.ErrNoSpace.Error()) {
		t.Fatalf("opened under a limit: %v\n%s", err, out)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 0 {
		t.Errorf("the refusal left %v, %v", left, err)
	}
	mustOpen(t, dir)
}
