package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/varangian-bft/varangian/statemachine"
)

// A window holds the last write of each key in it, deletions included, whether
// or not it changed anything (R124).
func testWindow(t *testing.T, open Open) {
	s, reopen := open(t)
	v1, v2, v3 := VersionAt(128, 0), VersionAt(256, 0), VersionAt(384, 0)
	apply(t, s, v1, Set("a", "1"), Set("b", "1"), Set("c", "1"))
	apply(t, s, v2, Set("a", "1"), Delete("b"), Delete("never there"))
	apply(t, s, v3, Set("b", "3"), Delete("c"))
	for range 2 {
		WantWindow(t, s, 0, v1, Set("a", "1"), Set("b", "1"), Set("c", "1"))
		WantWindow(t, s, v1, v2, Set("a", "1"), Delete("b"), Delete("never there"))
		WantWindow(t, s, v2, v3, Set("b", "3"), Delete("c"))
		WantWindow(t, s, v1, v3, Set("a", "1"), Set("b", "3"), Delete("c"), Delete("never there"))
		WantWindow(t, s, v2+1, v3-1)
		WantWindow(t, s, v3, v3)
		WantWindow(t, s, v3, v1)
		s = reopen()
	}
}

// R55, R124: what is retired is refused, not answered in part.
func testRetire(t *testing.T, open Open) {
	s, reopen := open(t)
	v1, v2, v3 := VersionAt(128, 0), VersionAt(256, 0), VersionAt(384, 0)
	apply(t, s, v1, Set("a", "1"), Set("b", "1"))
	apply(t, s, v2, Set("a", "2"), Delete("b"))
	apply(t, s, v3, Set("a", "3"))
	WantErr(t, "retire above the marker", s.Retire(v3+1), statemachine.ErrVersion)
	if err := s.Retire(v2); err != nil {
		t.Fatal(err)
	}
	if err := s.Retire(v1); err != nil { // the mark never falls
		t.Fatal(err)
	}
	for range 2 {
		_, _, err := s.Read([]byte("a"), v2-1)
		WantErr(t, "read of a retired version", err, statemachine.ErrRetired)
		err = s.Scan(nil, nil, v1, func(_, _ []byte) bool { return true })
		WantErr(t, "scan of a retired version", err, statemachine.ErrRetired)
		_, err = s.Window(v1, v3)
		WantErr(t, "window from a retired version", err, statemachine.ErrRetired)
		WantState(t, s, v2, Set("a", "2"))
		WantState(t, s, v3, Set("a", "3"))
		WantWindow(t, s, v2, v3, Set("a", "3"))
		s = reopen()
	}
	if err := s.Retire(v3); err != nil {
		t.Fatal(err)
	}
	apply(t, s, VersionAt(512, 0), Delete("a"))
	WantState(t, s, v3, Set("a", "3"))
	WantWindow(t, s, v3, VersionAt(512, 0), Delete("a"))
}

// R84, R95: an installation is a new attempt, and all or nothing.
func testInstall(t *testing.T, open Open) {
	s, reopen := open(t)
	m := install(t, s, 128, Set("a", "1"), Set("b", "1"))
	WantState(t, s, m.Version, Set("a", "1"), Set("b", "1"))
	_, err := s.Window(0, m.Version)
	WantErr(t, "window over an installation", err, statemachine.ErrRetired)

	v2 := VersionAt(256, 0)
	apply(t, s, v2, Set("b", "2"), Set("c", "2"), Set("d", "2"))
	WantWindow(t, s, m.Version, v2, Set("b", "2"), Set("c", "2"), Set("d", "2"))

	// A repair of the same sequence: extras go, what differs is replaced, what is
	// lacking comes, and the state that was wrong stays readable at its version.
	repaired := install(t, s, 256, Set("a", "1"), Set("aa", "new"), Set("c", "3"), Set("d", "2"), Set("e", "new"))
	if repaired.Version <= v2 {
		t.Fatalf("the repair of version %d has version %d", v2, repaired.Version)
	}
	for range 2 {
		WantMarker(t, s, repaired)
		WantState(t, s, repaired.Version, Set("a", "1"), Set("aa", "new"), Set("c", "3"), Set("d", "2"), Set("e", "new"))
		WantState(t, s, v2, Set("a", "1"), Set("b", "2"), Set("c", "2"), Set("d", "2"))
		_, err = s.Window(v2, repaired.Version)
		WantErr(t, "window over a repair", err, statemachine.ErrRetired)
		WantNext(t, s, 384, VersionAt(384, 0))
		s = reopen()
	}
	apply(t, s, VersionAt(384, 0), Delete("a"))
	WantWindow(t, s, repaired.Version, VersionAt(384, 0), Delete("a"))

	empty := install(t, s, 512)
	WantState(t, s, empty.Version)
	WantState(t, reopen(), empty.Version)
}

// R84, R95: an installation of some partitions leaves the others as they are, also
// at the marker's own sequence; what it is given for others is refused.
func testInstallSome(t *testing.T, open Open) {
	s, reopen := open(t)
	v := VersionAt(128, 0)
	in := partitionsOf("a", "b", "c", "d")
	if in.Holds([]byte("x")) || in.Holds([]byte("y")) {
		t.Fatal("the keys of this test fall into other partitions than it needs")
	}
	apply(t, s, v, Set("a", "1"), Set("b", "1"), Set("c", "1"), Set("x", "1"), Set("y", "1"))
	m := installSome(t, s, 128, in, Set("b", "2"), Set("c", "1"), Set("d", "2"))
	if m.Version <= v {
		t.Fatalf("the repair of version %d has version %d", v, m.Version)
	}
	want := []statemachine.Change{Set("b", "2"), Set("c", "1"), Set("d", "2"), Set("x", "1"), Set("y", "1")}
	for range 2 {
		WantMarker(t, s, m)
		WantState(t, s, m.Version, want...)
		WantState(t, s, v, Set("a", "1"), Set("b", "1"), Set("c", "1"), Set("x", "1"), Set("y", "1"))
		_, err := s.Window(v, m.Version)
		WantErr(t, "window over a repair", err, statemachine.ErrRetired)
		s = reopen()
	}
	for name, contents := range map[string][]statemachine.Change{
		"another partition":           {Set("b", "3"), Set("x", "3")},
		"another partition at first":  {Set("x", "3"), Set("y", "3")},
		"nothing, and then an error ": nil,
	} {
		if _, err := s.Install(256, m.Chain, in, failing(errSource, contents...)); err == nil {
			t.Errorf("contents of %s were installed", name)
		}
		WantMarker(t, s, m)
		WantState(t, s, m.Version, want...)
	}
	// No partition at all: only the marker moves.
	m = installSome(t, s, 256, statemachine.PartitionSet{})
	WantState(t, reopen(), m.Version, want...)
}

func partitionsOf(keys ...string) (s statemachine.PartitionSet) {
	for _, k := range keys {
		s.Add(statemachine.PartitionOf([]byte(k)))
	}
	return s
}

// R121: what a repair reads is what a scan reads, as long as nothing is damaged.
func testSalvage(t *testing.T, open Open) {
	s, _ := open(t)
	v1, v2 := VersionAt(128, 0), VersionAt(256, 0)
	apply(t, s, v1, Set("", "1"), Set("a", "1"), Set("b", "1"))
	apply(t, s, v2, Set("a", "2"), Delete("b"))
	for at, want := range map[statemachine.Version]string{v1: "=1 a=1 b=1 ", v2: "=1 a=2 "} {
		got := ""
		err := s.Salvage(at, func(key, value []byte, damaged bool) bool {
			got += fmt.Sprintf("%s=%s ", key, value)
			return !damaged
		})
		if err != nil || got != want {
			t.Errorf("salvaged %q at %d, %v; want %q", got, at, err, want)
		}
	}
	err := s.Salvage(v2+1, func(_, _ []byte, _ bool) bool { return true })
	WantErr(t, "salvage above the marker", err, statemachine.ErrVersion)
	if err := s.Retire(v2); err != nil {
		t.Fatal(err)
	}
	err = s.Salvage(v1, func(_, _ []byte, _ bool) bool { return true })
	WantErr(t, "salvage of a retired version", err, statemachine.ErrRetired)
}

var errSource = errors.New("the source went away")

func testInstallEndsEarly(t *testing.T, open Open) {
	s, reopen := open(t)
	v := VersionAt(128, 0)
	apply(t, s, v, Set("a", "1"), Set("b", "1"))
	before := func() {
		t.Helper()
		WantMarker(t, s, MarkerAt(v))
		WantState(t, s, v, Set("a", "1"), Set("b", "1"))
		WantWindow(t, s, 0, v, Set("a", "1"), Set("b", "1"))
	}
	_, err := s.Install(256, MarkerAt(v).Chain, statemachine.AllPartitions(), failing(errSource, Set("a", "2"), Set("c", "2")))
	WantErr(t, "install from a source that fails", err, errSource)
	before()
	for name, contents := range map[string][]statemachine.Change{
		"out of order": {Set("b", "2"), Set("a", "2")},
		"a key twice":  {Set("b", "2"), Set("b", "2")},
		"a deletion":   {Set("a", "2"), Delete("b")},
	} {
		if _, err := s.Install(256, MarkerAt(v).Chain, statemachine.AllPartitions(), list(contents...)); err == nil {
			t.Errorf("contents with %s were installed", name)
		}
		before()
	}
	s = reopen()
	before()
	// Execution may overtake the installation; what that left behind is nobody's.
	next, err := s.Next(256)
	if err != nil {
		t.Fatal(err)
	}
	if next <= VersionAt(256, 0) {
		t.Fatalf("next is %d although an installation tried %d", next, VersionAt(256, 0))
	}
	WantErr(t, "apply at a spent version", s.Apply(nil, MarkerAt(VersionAt(256, 0))), statemachine.ErrVersion)
	apply(t, s, next, Set("c", "x"))
	WantState(t, s, next, Set("a", "1"), Set("b", "1"), Set("c", "x"))
	m := install(t, s, 256, Set("z", "9"))
	if m.Version <= next {
		t.Fatalf("installed at %d, not above %d", m.Version, next)
	}
	WantState(t, reopen(), m.Version, Set("z", "9"))
}

// R55: readers at the marker's version see one state while the next is written.
func testReaders(t *testing.T, open Open) {
	const keys, rounds = 300, 12
	s, _ := open(t)
	write := func(round int) (out []statemachine.Change) {
		for k := range keys {
			out = append(out, Set(fmt.Sprintf("key %03d", k), fmt.Sprint(round)))
		}
		return out
	}
	apply(t, s, VersionAt(1, 0), write(1)...)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := readWhole(s, keys); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for round := 2; round <= rounds; round++ {
		if round%5 == 0 {
			install(t, s, round, write(round)...)
		} else {
			apply(t, s, VersionAt(round, 0), write(round)...)
		}
	}
	close(done)
	readers.Wait()
}

// readWhole compares a scan and reads at the marker's version with that version.
func readWhole(s statemachine.Store, keys int) error {
	m, err := s.Marker()
	if err != nil {
		return err
	}
	want := fmt.Sprint(m.Version.Sequence())
	seen := 0
	err = s.Scan(nil, nil, m.Version, func(_, value []byte) bool {
		seen++
		return string(value) == want
	})
	if err != nil || seen != keys {
		return fmt.Errorf("a scan at %d stopped after %d of %d keys: %w", m.Version, seen, keys, err)
	}
	value, _, err := s.Read([]byte("key 001"), m.Version)
	if err != nil || string(value) != want {
		return fmt.Errorf("a read at sequence %d gave %q: %w", m.Version.Sequence(), value, err)
	}
	return nil
}
