package state

import (
	"fmt"
	"math"
	"testing"

	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/storetest"
)

var (
	v128 = storetest.VersionAt(128, 0)
	v256 = storetest.VersionAt(256, 0)
)

// begin makes a store with a state at 128 and reopens it after something was
// left above the marker.
func begin(t *testing.T, leave func(*Store)) *Store {
	t.Helper()
	dir := t.TempDir()
	s := mustOpen(t, dir)
	mustApply(t, s, v128, storetest.Set("a", "1"), storetest.Set("b", "1"), storetest.Set("gone", "1"))
	leave(s)
	return reopen(t, s)
}

func reopen(t *testing.T, s *Store) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return mustOpen(t, s.space.dir)
}

func mustApply(t *testing.T, s *Store, v statemachine.Version, changes ...statemachine.Change) {
	t.Helper()
	if err := s.Apply(changes, storetest.MarkerAt(v)); err != nil {
		t.Fatal(err)
	}
}

// leave writes changes at a version without a marker, as a crash does.
func leave(t *testing.T, s *Store, v statemachine.Version, changes ...statemachine.Change) {
	t.Helper()
	w := &writer{bulk: s.db.newBulk(uint64(v)), space: s.space}
	for i := range changes {
		if err := w.write(&changes[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
}

// R85: what a flush left is invisible, and the same flush again is as if nothing
// had been.
func TestInterruptedApply(t *testing.T) {
	s := begin(t, func(s *Store) { leave(t, s, v256, storetest.Set("a", "2"), storetest.Delete("b")) })
	before := []statemachine.Change{storetest.Set("a", "1"), storetest.Set("b", "1"), storetest.Set("gone", "1")}
	storetest.WantMarker(t, s, storetest.MarkerAt(v128))
	storetest.WantState(t, s, v128, before...)
	storetest.WantWindow(t, s, 0, v128, before...)
	storetest.WantNext(t, s, 256, v256)

	mustApply(t, s, v256, storetest.Set("a", "2"), storetest.Delete("b"), storetest.Set("c", "2"))
	for range 2 {
		storetest.WantState(t, s, v128, before...)
		storetest.WantState(t, s, v256, storetest.Set("a", "2"), storetest.Set("c", "2"), storetest.Set("gone", "1"))
		storetest.WantWindow(t, s, v128, v256, storetest.Set("a", "2"), storetest.Delete("b"), storetest.Set("c", "2"))
		s = reopen(t, s)
	}
}

// R84: what was left below the version that is written next would shine through
// it. It is corrected, and the window is no write set any more (R124).
func TestLeftBelowTheNextVersion(t *testing.T) {
	s := begin(t, func(s *Store) {
		leave(t, s, v256, storetest.Set("a", "wrong"), storetest.Delete("b"), storetest.Set("new", "wrong"), storetest.Set("named", "wrong"))
	})
	mustApply(t, s, v256+1, storetest.Delete("gone"), storetest.Set("named", "2"))
	for range 2 {
		storetest.WantState(t, s, v256+1, storetest.Set("a", "1"), storetest.Set("b", "1"), storetest.Set("named", "2"))
		// At the version that was left stands no state: the one before goes on.
		storetest.WantState(t, s, v256, storetest.Set("a", "1"), storetest.Set("b", "1"), storetest.Set("gone", "1"))
		_, err := s.Window(v128, v256+1)
		storetest.WantErr(t, "window over a correction", err, statemachine.ErrRetired)
		s = reopen(t, s)
	}
}

// R84: an installation below what was left makes it foreign: execution from the
// installed state must not take that version for its own.
func TestInstalledBelowWhatWasLeft(t *testing.T) {
	s := begin(t, func(s *Store) { leave(t, s, v256, storetest.Set("a", "wrong"), storetest.Set("new", "wrong")) })
	contents := []statemachine.Change{storetest.Set("a", "good"), storetest.Set("c", "good")}
	m, err := s.Install(200, storetest.MarkerAt(1).Chain, statemachine.AllPartitions(), contentsOf(contents))
	if err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	storetest.WantState(t, s, m.Version, contents...)
	storetest.WantNext(t, s, 256, v256+1)
	err = s.Apply(nil, storetest.MarkerAt(v256))
	storetest.WantErr(t, "apply where something was left", err, statemachine.ErrVersion)
	mustApply(t, s, v256+1, storetest.Set("d", "2"))
	storetest.WantState(t, reopen(t, s), v256+1, storetest.Set("a", "good"), storetest.Set("c", "good"), storetest.Set("d", "2"))
}

// R95: an installation that a crash ended leaves the old state, and the next one
// another version.
func TestInterruptedInstall(t *testing.T) {
	s := begin(t, func(s *Store) {
		noted := *s.valid.Load()
		noted.suspects = []statemachine.Version{v256}
		if err := s.settle(noted); err != nil {
			t.Fatal(err)
		}
		leave(t, s, v256, storetest.Set("a", "half"), storetest.Delete("gone"), storetest.Set("x", "half"))
	})
	storetest.WantState(t, s, v128, storetest.Set("a", "1"), storetest.Set("b", "1"), storetest.Set("gone", "1"))
	contents := []statemachine.Change{storetest.Set("b", "2"), storetest.Set("gone", "1")}
	m, err := s.Install(256, storetest.MarkerAt(1).Chain, statemachine.AllPartitions(), contentsOf(contents))
	if err != nil {
		t.Fatal(err)
	}
	if m.Version != v256+1 {
		t.Errorf("installed at version %d; %d was spent", m.Version, v256)
	}
	storetest.WantState(t, reopen(t, s), m.Version, contents...)
}

func contentsOf(changes []statemachine.Change) func() (statemachine.Change, bool, error) {
	return func() (c statemachine.Change, ok bool, err error) {
		if len(changes) == 0 {
			return c, false, nil
		}
		c, changes = changes[0], changes[1:]
		return c, true, nil
	}
}

// A state is read at the last version that its sequence could have, whatever was
// left there by attempts that did not end; also when the oldest such gaps went.
func TestGaps(t *testing.T) {
	for _, afterRestart := range []bool{false, true} {
		testGaps(t, afterRestart)
	}
}

func testGaps(t *testing.T, afterRestart bool) {
	t.Helper()
	s := mustOpen(t, t.TempDir())
	mustApply(t, s, v128, storetest.Set("a", "128"))
	const rounds = gapsCountMax + 3
	for q := 129; q < 129+rounds; q++ {
		noted := *s.valid.Load()
		noted.suspects = []statemachine.Version{noted.marker.Version + 1}
		if err := s.settle(noted); err != nil {
			t.Fatal(err)
		}
		leave(t, s, noted.marker.Version+1, storetest.Set("a", "wrong"), storetest.Set("b", "wrong"))
		mustApply(t, s, storetest.VersionAt(q, 0), storetest.Set("a", fmt.Sprint(q)))
		if q%8 == 0 {
			s = reopen(t, s) // into a table
		}
	}
	for range 2 {
		for q := 129 + rounds - gapsCountMax; q < 128+rounds; q++ {
			storetest.WantState(t, s, storetest.VersionAt(q, 255), storetest.Set("a", fmt.Sprint(q)))
		}
		_, _, err := s.Read([]byte("a"), storetest.VersionAt(130, 255))
		storetest.WantErr(t, "read in a gap that went", err, statemachine.ErrRetired)
		s = reopen(t, s)
	}
	// Retiring within a gap must not give back the state that stands for it.
	const q = 160
	if err := s.Retire(storetest.VersionAt(q, 255)); err != nil {
		t.Fatal(err)
	}
	if afterRestart {
		s = reopen(t, s)
	}
	compact(t, s)
	storetest.WantState(t, s, storetest.VersionAt(q, 255), storetest.Set("a", fmt.Sprint(q)))
}

// compact merges all tables, so that what may be dropped is dropped.
func compact(t *testing.T, s *Store) {
	t.Helper()
	if err := s.db.db.Flatten(1); err != nil {
		t.Fatal(err)
	}
}

// R55: what is retired is given back, also after a restart, and nothing else.
func TestRetireGivesBack(t *testing.T) {
	for name, first := range map[string]func(*Store) *Store{
		"at once":         func(s *Store) *Store { return s },
		"after a restart": func(s *Store) *Store { return reopen(t, s) },
	} {
		s := mustOpen(t, t.TempDir())
		for q := 1; q <= 10; q++ {
			mustApply(t, s, storetest.VersionAt(q, 0), storetest.Set("a", fmt.Sprint(q)))
			s = reopen(t, s) // into a table
		}
		if err := s.Retire(storetest.VersionAt(7, 0)); err != nil {
			t.Fatal(err)
		}
		s = first(s)
		compact(t, s)
		kept := 0
		if err := s.db.visit(walk{through: math.MaxUint64, history: true}, func(*cell) (bool, error) {
			kept++
			return true, nil
		}); err != nil {
			t.Fatal(err)
		}
		if kept != 4 {
			t.Errorf("%s, %d versions are kept; want those of 7 to 10", name, kept)
		}
		for q := 7; q <= 10; q++ {
			storetest.WantState(t, s, storetest.VersionAt(q, 0), storetest.Set("a", fmt.Sprint(q)))
		}
	}
}

// R84: what is installed is read back before it counts.
func TestReadBack(t *testing.T) {
	s := begin(t, func(*Store) {})
	calls := 0
	_, err := s.Install(256, storetest.MarkerAt(1).Chain, statemachine.AllPartitions(), func() (c statemachine.Change, ok bool, err error) {
		if calls++; calls == 2 { // all that was there has been passed
			leave(t, s, v256, storetest.Set("0", "stray"))
		}
		return storetest.Set("z", "last"), calls == 1, nil
	})
	storetest.WantErr(t, "install", err, statemachine.ErrRot)
	s = reopen(t, s)
	storetest.WantMarker(t, s, storetest.MarkerAt(v128))
	storetest.WantState(t, s, v128, storetest.Set("a", "1"), storetest.Set("b", "1"), storetest.Set("gone", "1"))
}
