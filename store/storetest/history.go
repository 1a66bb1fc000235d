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
	v1, v2, v3 := version(128, 0), version(256, 0), version(384, 0)
	apply(t, s, v1, set("a", "1"), set("b", "1"), set("c", "1"))
	apply(t, s, v2, set("a", "1"), del("b"), del("never there"))
	apply(t, s, v3, set("b", "3"), del("c"))
	for range 2 {
		wantWindow(t, s, 0, v1, set("a", "1"), set("b", "1"), set("c", "1"))
		wantWindow(t, s, v1, v2, set("a", "1"), del("b"), del("never there"))
		wantWindow(t, s, v2, v3, set("b", "3"), del("c"))
		wantWindow(t, s, v1, v3, set("a", "1"), set("b", "3"), del("c"), del("never there"))
		wantWindow(t, s, v2+1, v3-1)
		wantWindow(t, s, v3, v3)
		wantWindow(t, s, v3, v1)
		s = reopen()
	}
}

// R55, R124: what is retired is refused, not answered in part.
func testRetire(t *testing.T, open Open) {
	s, reopen := open(t)
	v1, v2, v3 := version(128, 0), version(256, 0), version(384, 0)
	apply(t, s, v1, set("a", "1"), set("b", "1"))
	apply(t, s, v2, set("a", "2"), del("b"))
	apply(t, s, v3, set("a", "3"))
	wantErr(t, "retire above the marker", s.Retire(v3+1), statemachine.ErrVersion)
	if err := s.Retire(v2); err != nil {
		t.Fatal(err)
	}
	if err := s.Retire(v1); err != nil { // the mark never falls
		t.Fatal(err)
	}
	for range 2 {
		_, _, err := s.Read([]byte("a"), v2-1)
		wantErr(t, "read of a retired version", err, statemachine.ErrRetired)
		err = s.Scan(nil, nil, v1, func(_, _ []byte) bool { return true })
		wantErr(t, "scan of a retired version", err, statemachine.ErrRetired)
		_, err = s.Window(v1, v3)
		wantErr(t, "window from a retired version", err, statemachine.ErrRetired)
		wantState(t, s, v2, set("a", "2"))
		wantState(t, s, v3, set("a", "3"))
		wantWindow(t, s, v2, v3, set("a", "3"))
		s = reopen()
	}
	if err := s.Retire(v3); err != nil {
		t.Fatal(err)
	}
	apply(t, s, version(512, 0), del("a"))
	wantState(t, s, v3, set("a", "3"))
	wantWindow(t, s, v3, version(512, 0), del("a"))
}

// R84, R95: an installation is a new attempt, and all or nothing.
func testInstall(t *testing.T, open Open) {
	s, reopen := open(t)
	m := install(t, s, 128, set("a", "1"), set("b", "1"))
	wantState(t, s, m.Version, set("a", "1"), set("b", "1"))
	_, err := s.Window(0, m.Version)
	wantErr(t, "window over an installation", err, statemachine.ErrRetired)

	v2 := version(256, 0)
	apply(t, s, v2, set("b", "2"), set("c", "2"), set("d", "2"))
	wantWindow(t, s, m.Version, v2, set("b", "2"), set("c", "2"), set("d", "2"))

	// A repair of the same sequence: extras go, what differs is replaced, what is
	// lacking comes, and the state that was wrong stays readable at its version.
	repaired := install(t, s, 256, set("a", "1"), set("aa", "new"), set("c", "3"), set("d", "2"), set("e", "new"))
	if repaired.Version <= v2 {
		t.Fatalf("the repair of version %d has version %d", v2, repaired.Version)
	}
	for range 2 {
		wantMarker(t, s, repaired)
		wantState(t, s, repaired.Version, set("a", "1"), set("aa", "new"), set("c", "3"), set("d", "2"), set("e", "new"))
		wantState(t, s, v2, set("a", "1"), set("b", "2"), set("c", "2"), set("d", "2"))
		_, err = s.Window(v2, repaired.Version)
		wantErr(t, "window over a repair", err, statemachine.ErrRetired)
		wantNext(t, s, 384, version(384, 0))
		s = reopen()
	}
	apply(t, s, version(384, 0), del("a"))
	wantWindow(t, s, repaired.Version, version(384, 0), del("a"))

	empty := install(t, s, 512)
	wantState(t, s, empty.Version)
	wantState(t, reopen(), empty.Version)
}

var errSource = errors.New("the source went away")

func testInstallEndsEarly(t *testing.T, open Open) {
	s, reopen := open(t)
	v := version(128, 0)
	apply(t, s, v, set("a", "1"), set("b", "1"))
	before := func() {
		t.Helper()
		wantMarker(t, s, marker(v))
		wantState(t, s, v, set("a", "1"), set("b", "1"))
		wantWindow(t, s, 0, v, set("a", "1"), set("b", "1"))
	}
	_, err := s.Install(256, marker(v).Chain, failing(errSource, set("a", "2"), set("c", "2")))
	wantErr(t, "install from a source that fails", err, errSource)
	before()
	for name, contents := range map[string][]statemachine.Change{
		"out of order": {set("b", "2"), set("a", "2")},
		"a key twice":  {set("b", "2"), set("b", "2")},
		"a deletion":   {set("a", "2"), del("b")},
	} {
		if _, err := s.Install(256, marker(v).Chain, list(contents...)); err == nil {
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
	if next <= version(256, 0) {
		t.Fatalf("next is %d although an installation tried %d", next, version(256, 0))
	}
	wantErr(t, "apply at a spent version", s.Apply(nil, marker(version(256, 0))), statemachine.ErrVersion)
	apply(t, s, next, set("c", "x"))
	wantState(t, s, next, set("a", "1"), set("b", "1"), set("c", "x"))
	m := install(t, s, 256, set("z", "9"))
	if m.Version <= next {
		t.Fatalf("installed at %d, not above %d", m.Version, next)
	}
	wantState(t, reopen(), m.Version, set("z", "9"))
}

// R99: readers at the marker's version see one state while the next is written.
func testReaders(t *testing.T, open Open) {
	const keys, rounds = 300, 12
	s, _ := open(t)
	write := func(round int) (out []statemachine.Change) {
		for k := range keys {
			out = append(out, set(fmt.Sprintf("key %03d", k), fmt.Sprint(round)))
		}
		return out
	}
	apply(t, s, version(1, 0), write(1)...)
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
			apply(t, s, version(round, 0), write(round)...)
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
