package memory_test

import (
	"errors"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/memory"
)

func at(s consensus.Sequence) statemachine.Marker {
	return statemachine.Marker{Version: statemachine.VersionAt(s, 0)}
}

func set(key, value string) statemachine.Change {
	return statemachine.Change{Key: []byte(key), Value: []byte(value)}
}

func read(t *testing.T, s *memory.Store, key string) string {
	t.Helper()
	m, err := s.Marker()
	if err != nil {
		t.Fatal(err)
	}
	value, _, err := s.Read([]byte(key), m.Version)
	if err != nil {
		t.Fatal(err)
	}
	return string(value)
}

// R84, R85: wherever a crash ends a write, the old state stays, and the same write
// succeeds afterwards.
func TestCrash(t *testing.T) {
	changes := []statemachine.Change{set("a", "2"), set("b", "2")}
	for writes := range 4 {
		s := memory.New()
		if err := s.Apply([]statemachine.Change{set("a", "1")}, at(1)); err != nil {
			t.Fatal(err)
		}
		s.Crash(writes)
		if err := s.Apply(changes, at(2)); !errors.Is(err, memory.ErrCrashed) {
			t.Fatalf("after %d writes: %v", writes, err)
		}
		if got := read(t, s, "a") + read(t, s, "b"); got != "1" {
			t.Errorf("after %d writes the state is %q", writes, got)
		}
		if err := s.Apply([]statemachine.Change{set("b", "3")}, statemachine.Marker{Version: at(2).Version + 1}); err != nil {
			t.Fatal(err)
		}
		if got := read(t, s, "a") + read(t, s, "b"); got != "13" {
			t.Errorf("after %d writes and another write the state is %q", writes, got)
		}
		s.Crash(writes)
		next := contents(set("c", "3"))
		if _, err := s.Install(3, at(3).Chain, statemachine.AllPartitions(), next); !errors.Is(err, memory.ErrCrashed) && writes < 2 {
			t.Fatalf("install after %d writes: %v", writes, err)
		}
		if err := s.Apply([]statemachine.Change{set("b", "4")}, at(4)); err != nil {
			t.Fatal(err)
		}
		if got := read(t, s, "b"); got != "4" {
			t.Errorf("after all, b is %q", got)
		}
	}
}

func contents(changes ...statemachine.Change) func() (statemachine.Change, bool, error) {
	return func() (statemachine.Change, bool, error) {
		if len(changes) == 0 {
			return statemachine.Change{}, false, nil
		}
		c := changes[0]
		changes = changes[1:]
		return c, true, nil
	}
}

func TestFailAndRot(t *testing.T) {
	s := memory.New()
	if err := s.Apply([]statemachine.Change{set("a", "1"), set("b", "2")}, at(1)); err != nil {
		t.Fatal(err)
	}
	if !s.Rot([]byte("a"), []byte("x")) || !s.Rot([]byte("b"), nil) || s.Rot([]byte("c"), nil) {
		t.Error("Rot says nothing true of what is there")
	}
	if got := read(t, s, "a") + read(t, s, "b"); got != "x" {
		t.Errorf("after rot: %q", got)
	}
	broken := errors.New("broken")
	s.Fail(broken)
	v := at(1).Version
	_, errMarker := s.Marker()
	_, _, errRead := s.Read(nil, v)
	_, errNext := s.Next(2)
	_, errWindow := s.Window(0, v)
	_, errSaved := s.SavedSnapshot()
	_, errInstall := s.Install(2, at(2).Chain, statemachine.AllPartitions(), contents())
	errScan := s.Scan(nil, nil, v, func(_, _ []byte) bool { return true })
	for i, err := range []error{
		errMarker, errRead, errNext, errWindow, errSaved, errInstall, errScan, s.SaveSnapshot(nil), s.Retire(v), s.Apply(nil, at(2)),
	} {
		if !errors.Is(err, broken) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	s.Fail(nil)
	if got := read(t, s, "a"); got != "x" {
		t.Errorf("afterwards: %q", got)
	}
}

// A reader goes on in the state that it began with, and may read inside a scan.
func TestScanBesideWriter(t *testing.T) {
	s := memory.New()
	if err := s.Apply([]statemachine.Change{set("a", "1"), set("b", "1"), set("c", "1")}, at(1)); err != nil {
		t.Fatal(err)
	}
	got := ""
	err := s.Scan(nil, nil, at(1).Version, func(key, value []byte) bool {
		if string(key) == "a" {
			if err := s.Apply([]statemachine.Change{set("b", "2"), {Key: []byte("c"), Deleted: true}}, at(2)); err != nil {
				t.Fatal(err)
			}
			if v := read(t, s, "b"); v != "2" {
				t.Errorf("inside the scan b is %q", v)
			}
		}
		got += string(key) + string(value)
		return true
	})
	if err != nil || got != "a1b1c1" {
		t.Errorf("scan: %q %v", got, err)
	}
}

// What is hidden is missing for reads alone; what is broken ends everything that comes
// by, also a repair. A check finds both, until a newer state is all that is kept (R121).
func TestRuin(t *testing.T) {
	first := func(int) int { return 0 }
	begin := func(how memory.Decay) *memory.Store {
		s := memory.New()
		if err := s.Apply([]statemachine.Change{set("a", "1"), set("b", "1")}, at(1)); err != nil {
			t.Fatal(err)
		}
		if key, ok := s.Decay(how, first); key != "a" || !ok {
			t.Fatal(key, ok)
		}
		if err := s.Check(); !errors.Is(err, statemachine.ErrRuined) {
			t.Errorf("%v: the check says %v", how, err)
		}
		return s
	}
	count := func(s *memory.Store) (n int, err error) {
		err = s.Salvage(at(1).Version, func(_, _ []byte, damaged bool) bool {
			if !damaged {
				n++
			}
			return true
		})
		return n, err
	}

	s := begin(memory.Hidden)
	if _, found, err := s.Read([]byte("a"), at(1).Version); found || err != nil {
		t.Errorf("a hidden entry: found %v, %v", found, err)
	}
	if n, err := count(s); n != 2 || err != nil {
		t.Errorf("%d entries are scanned, %v", n, err)
	}

	s = begin(memory.Broken)
	_, _, errRead := s.Read([]byte("a"), at(1).Version)
	_, errWindow := s.Window(0, at(1).Version)
	_, errSalvage := count(s)
	_, errInstall := s.Install(2, crypto.Digest{}, statemachine.AllPartitions(), func() (c statemachine.Change, ok bool, err error) { return c, false, nil })
	for i, err := range []error{errRead, errWindow, errSalvage, errInstall} {
		if !errors.Is(err, statemachine.ErrRuined) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if err := s.Apply([]statemachine.Change{set("a", "2")}, at(3)); err != nil {
		t.Fatal(err)
	}
	if err := s.Retire(at(3).Version); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); err != nil {
		t.Errorf("after a compaction: %v", err)
	}
	if got := read(t, s, "a"); got != "2" {
		t.Errorf("after a compaction: %q", got)
	}
}
