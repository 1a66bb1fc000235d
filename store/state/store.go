package state

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine"
)

// A Store is the state on disk. Readers never wait for the writer; writers wait
// for each other.
type Store struct {
	db    database
	space *space
	gate  gate
	valid atomic.Pointer[control] // as it is on disk

	unchecked []string        // tables that CheckTable has to look at in this round
	told      map[string]bool // tables whose values it found damaged

	write     sync.Mutex
	leftovers []statemachine.Version // above the marker: of a write that did not end
	failed    error                  // the write after which nothing more is written (R81)
}

var _ statemachine.Store = (*Store)(nil)

// Close waits for whoever uses the store and closes it. What was acknowledged is
// durable without it.
func (s *Store) Close() error {
	if !s.gate.close() {
		return nil
	}
	if err := s.db.close(); err != nil {
		return fmt.Errorf("close the state: %w", err)
	}
	return s.space.unclaim()
}

// CanClose returns ErrNoSpace as long as Close would not find the room for what it
// writes: the tables of what is in memory. A process that ends need not close.
func (s *Store) CanClose() error {
	h, err := s.space.look()
	if err != nil {
		return err
	}
	if err := s.space.free(h.memtables * walBytes); err != nil {
		return err
	}
	return probe(s.space.dir, walBytes)
}

// Marker implements statemachine.Store.
func (s *Store) Marker() (statemachine.Marker, error) { return s.valid.Load().marker, nil }

// Next implements statemachine.Store.
func (s *Store) Next(q consensus.Sequence) (statemachine.Version, error) {
	s.write.Lock()
	defer s.write.Unlock()
	c := s.valid.Load()
	return after(q, c.marker.Version, c.suspects)
}

// after returns the first version of a sequence that is above all of some
// versions and above the marker.
func after(q consensus.Sequence, marker statemachine.Version, spent []statemachine.Version) (statemachine.Version, error) {
	next := statemachine.VersionAt(q, 0)
	if next.Sequence() != q || q < marker.Sequence() {
		return 0, fmt.Errorf("%w: sequence %d; the marker's is %d", statemachine.ErrVersion, q, marker.Sequence())
	}
	if marker != 0 {
		next = max(next, marker+1)
	}
	for _, v := range spent {
		if v.Sequence() == q {
			next = max(next, v+1)
		}
	}
	if next == 0 {
		next = 1 // Badger's timestamps start at 1
	}
	if next.Sequence() != q {
		return 0, fmt.Errorf("%w: all attempts at sequence %d are spent; install a later one", statemachine.ErrVersion, q)
	}
	return next, nil
}

// change lets one writer at a time in, and none after a write that failed: what
// it left in memory and on disk is unknown (R81).
func (s *Store) change(f func(*control) error) error {
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	s.write.Lock()
	defer s.write.Unlock()
	if s.failed != nil {
		return fmt.Errorf("an earlier write failed: %w", s.failed)
	}
	err := f(s.valid.Load())
	if err != nil && !harmless(err) {
		s.failed = err
	}
	return err
}

// A refusal is an error that left the database in order.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

func harmless(err error) bool {
	var r refusal
	return errors.As(err, &r) || errors.Is(err, statemachine.ErrNoSpace) || errors.Is(err, statemachine.ErrRot) ||
		errors.Is(err, statemachine.ErrVersion) || errors.Is(err, statemachine.ErrRetired)
}

// settle replaces the control entry, and with it what is visible (R84).
func (s *Store) settle(next control) error {
	next.stamp = s.valid.Load().stamp + 1
	if err := s.db.put(next.stamp, entry{controlKey, next.marshal()}); err != nil {
		return err
	}
	s.valid.Store(&next)
	return nil
}

// advance settles a marker. Whatever else stands above it was not written from
// this state, and what stands below it since the last marker is no state.
func (s *Store) advance(c *control, m statemachine.Marker, sets uint64, floor statemachine.Version) error {
	next := control{marker: m, sets: sets, floor: floor}
	next.suspects = union(c.suspects, s.leftovers, m.Version)
	var skipped gap
	if s.leftBetween(c, m.Version) {
		skipped = gap{c.marker.Version, m.Version}
	}
	next.gaps, next.retired = trimmed(c.gaps, skipped, c.retired)
	if err := s.settle(next); err != nil {
		return err
	}
	s.leftovers = nil
	return nil
}

// leftBetween reports whether something may stand between the marker and a
// version above it.
func (s *Store) leftBetween(c *control, v statemachine.Version) bool {
	return between(s.leftovers, c.marker.Version, v) || between(c.suspects, c.marker.Version, v)
}

// Apply implements statemachine.Store. Its changes may be written again at the
// same version after a crash, and then have to be the same.
func (s *Store) Apply(changes []statemachine.Change, m statemachine.Marker) error {
	bytes, err := checkChanges(changes)
	if err != nil {
		return err
	}
	return s.change(func(c *control) error {
		if m.Version <= c.marker.Version || c.suspect(m.Version) {
			return fmt.Errorf("%w: apply at version %d; the marker is at %d and Next says what follows",
				statemachine.ErrVersion, m.Version, c.marker.Version)
		}
		if err := s.space.ready(bytes); err != nil {
			return err
		}
		s.leftovers = union(s.leftovers, []statemachine.Version{m.Version}, 0)
		w := &writer{bulk: s.db.newBulk(uint64(m.Version)), space: s.space}
		defer w.cancel()
		for i := range changes {
			if err := w.write(&changes[i]); err != nil {
				return err
			}
		}
		corrected, err := s.correct(w, c, changes)
		if err != nil {
			return err
		}
		if err := w.flush(); err != nil {
			return fmt.Errorf("write the state at version %d: %w", m.Version, err)
		}
		floor := c.floor
		if corrected {
			floor = m.Version
		}
		return s.advance(c, m, w.sets, floor)
	})
}

// correct undoes, at the version under way, what interrupted writes left between
// the marker and it: each key that the changes do not name gets its value at the
// marker again. It reports whether there was any.
func (s *Store) correct(w *writer, c *control, changes []statemachine.Change) (corrected bool, err error) {
	v := statemachine.Version(w.version)
	if !s.leftBetween(c, v) {
		return false, nil
	}
	var last []byte
	stray := walk{since: uint64(c.marker.Version), through: w.version - 1, history: true}
	err = s.db.visit(stray, func(e *cell) (bool, error) {
		if bytes.Equal(last, e.key) {
			return true, nil
		}
		last = append(last[:0], e.key...)
		fix := statemachine.Change{Key: last[1:], Deleted: true}
		if _, named := slices.BinarySearchFunc(changes, fix.Key, byKey); named {
			return true, nil
		}
		value, version, err := s.db.read(last, uint64(c.marker.Version))
		if err != nil {
			return false, err
		}
		fix.Value, fix.Deleted = value, version == 0
		corrected = true
		return true, w.write(&fix)
	})
	return corrected, err
}

func byKey(c statemachine.Change, key []byte) int { return bytes.Compare(c.Key, key) }

// checkChanges returns the bytes of changes that are in order and within bounds.
func checkChanges(changes []statemachine.Change) (total uint64, err error) {
	for i := range changes {
		c := &changes[i]
		if err := checkChange(c); err != nil {
			return 0, err
		}
		if i > 0 && bytes.Compare(changes[i-1].Key, c.Key) >= 0 {
			return 0, fmt.Errorf("changes are not sorted by key: %q stands after %q", c.Key, changes[i-1].Key)
		}
		total += uint64(len(c.Key) + len(c.Value))
	}
	return total, nil
}

func checkChange(c *statemachine.Change) error {
	switch {
	case len(c.Key) > KeyBytesMax:
		return fmt.Errorf("a key of %d bytes; at most %d are stored", len(c.Key), KeyBytesMax)
	case len(c.Value) > ValueBytesMax:
		return fmt.Errorf("key %q has a value of %d bytes; at most %d are stored", c.Key, len(c.Value), ValueBytesMax)
	case c.Deleted && len(c.Value) > 0:
		return fmt.Errorf("key %q is deleted and has a value", c.Key)
	}
	return nil
}

// Retire implements statemachine.Store.
func (s *Store) Retire(below statemachine.Version) error {
	return s.change(func(c *control) error {
		if below > c.marker.Version {
			return fmt.Errorf("%w: retire below %d, above the marker's version %d",
				statemachine.ErrVersion, below, c.marker.Version)
		}
		if below <= c.retired {
			return nil
		}
		next := *c
		next.gaps, next.retired = trimmed(c.gaps, gap{}, below)
		// First the entry: a window that lost its tombstones must not look complete
		// after a crash.
		if err := s.settle(next); err != nil {
			return err
		}
		// In a gap it is the marker before it whose state has to stay.
		s.db.discard(uint64(next.resolve(below)))
		return nil
	})
}
