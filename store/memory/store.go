// Package memory keeps versioned state in memory, for tests and the simulator.
//
// It keeps the contract of statemachine.Store, and can do what a disk does: lose
// what was not finished (Crash), fail (Fail), and return what nobody wrote (Rot).
// It never persists anything.
//
// The caller owes it:
//
//  1. One writer at a time; any number of readers beside it.
//  2. Retire only what no reader needs any more.
package memory

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/tidwall/btree"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine"
)

// snapshotBytesMax bounds an encoded snapshot, as every store does.
const snapshotBytesMax = 1 << 20

// A Store is a statemachine.Store in memory. Make one with New.
type Store struct {
	mu       sync.Mutex
	cells    *btree.Map[string, []cell] // by version, newest last; lists are never changed in place
	marker   statemachine.Marker
	retired  statemachine.Version   // lowest version that can be read
	executed statemachine.Version   // windows above it hold the writes of execution and no others
	spent    []statemachine.Version // that a write began and did not end with, or that stand for something else
	snapshot []byte
	ruined   bool // a cell may be Hidden or Broken
	stop     int  // writes until the next Apply or Install ends early; 0 for never
	failure  error
}

var _ statemachine.Store = (*Store)(nil)

// A cell is a value, or a deletion, at a version. A value has a checksum over its
// key, its version and itself, as on a disk (R121).
type cell struct {
	version statemachine.Version
	value   []byte
	deleted bool
	sum     uint32
	ruin    Decay // Hidden or Broken; 0 for neither
}

// fits returns ErrRot if a value is not what was written under its key and version.
func (c *cell) fits(key string) error {
	if c.deleted || c.sum == checksum(key, c.version, c.value) {
		return nil
	}
	return fmt.Errorf("%w: key %q at version %d: its value does not fit its checksum", statemachine.ErrRot, key, c.version)
}

// New returns an empty store.
func New() *Store { return &Store{cells: new(btree.Map[string, []cell])} }

// Marker implements statemachine.Store.
func (s *Store) Marker() (statemachine.Marker, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.marker, s.failure
}

// view returns the map as it is now, which no later write changes.
func (s *Store) view(at statemachine.Version) (*btree.Map[string, []cell], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.failure != nil:
		return nil, s.failure
	case at > s.marker.Version:
		return nil, fmt.Errorf("%w: read at version %d; the marker is at %d", statemachine.ErrVersion, at, s.marker.Version)
	case at < s.retired:
		return nil, fmt.Errorf("%w: read at version %d; kept from %d", statemachine.ErrRetired, at, s.retired)
	}
	return s.cells.Copy(), nil
}

// newest returns the newest cell that is not above a version.
func newest(cells []cell, at statemachine.Version) (cell, bool) {
	for i := len(cells) - 1; i >= 0; i-- {
		if cells[i].version <= at {
			return cells[i], true
		}
	}
	return cell{}, false
}

// Read implements statemachine.Store.
func (s *Store) Read(key []byte, at statemachine.Version) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.failure != nil:
		return nil, false, s.failure
	case at > s.marker.Version:
		return nil, false, fmt.Errorf("%w: read at version %d; the marker is at %d", statemachine.ErrVersion, at, s.marker.Version)
	case at < s.retired:
		return nil, false, fmt.Errorf("%w: read at version %d; kept from %d", statemachine.ErrRetired, at, s.retired)
	}
	cells, _ := s.cells.Get(string(key))
	if err := readable(string(key), cells); err != nil {
		return nil, false, err
	}
	c, ok := newest(cells, at)
	if ok && c.ruin == Hidden {
		c, ok = newest(cells, c.version-1)
	}
	if !ok || c.deleted {
		return nil, false, nil
	}
	if err := c.fits(string(key)); err != nil {
		return nil, false, err
	}
	return slices.Clone(c.value), true, nil
}

// Scan implements statemachine.Store.
func (s *Store) Scan(start, end []byte, at statemachine.Version, yield func(key, value []byte) bool) error {
	var rot error
	err := s.visit(start, end, at, func(key string, c *cell) bool {
		if rot = c.fits(key); rot != nil {
			return false
		}
		return yield([]byte(key), c.value)
	})
	return errors.Join(err, rot)
}

// visit calls yield for each value that a state has, whether or not it fits.
func (s *Store) visit(start, end []byte, at statemachine.Version, yield func(key string, c *cell) bool) error {
	cells, err := s.view(at)
	if err != nil {
		return err
	}
	cells.Ascend(string(start), func(key string, versions []cell) bool {
		if end != nil && key >= string(end) {
			return false
		}
		if err = readable(key, versions); err != nil {
			return false
		}
		c, ok := newest(versions, at)
		return !ok || c.deleted || yield(key, &c)
	})
	return err
}

// Salvage implements statemachine.Store.
func (s *Store) Salvage(at statemachine.Version, yield func(key, value []byte, damaged bool) bool) error {
	return s.visit(nil, nil, at, func(key string, c *cell) bool {
		if c.fits(key) != nil {
			return yield([]byte(key), nil, true)
		}
		return yield([]byte(key), c.value, false)
	})
}

// Next implements statemachine.Store.
func (s *Store) Next(q consensus.Sequence) (statemachine.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure != nil {
		return 0, s.failure
	}
	return s.next(q)
}

func (s *Store) next(q consensus.Sequence) (statemachine.Version, error) {
	v := max(statemachine.VersionAt(q, 0), 1)
	if s.marker.Version.Sequence() == q && s.marker.Version > 0 {
		v = s.marker.Version + 1
	}
	for _, used := range s.spent {
		if used.Sequence() == q {
			v = max(v, used+1)
		}
	}
	if v.Sequence() != q || q < s.marker.Version.Sequence() {
		return 0, fmt.Errorf("%w: no attempt is left at sequence %d; the marker's is %d",
			statemachine.ErrVersion, q, s.marker.Version.Sequence())
	}
	return v, nil
}

// Window implements statemachine.Store.
func (s *Store) Window(after, through statemachine.Version) ([]statemachine.Change, error) {
	if after >= through {
		return nil, nil
	}
	cells, err := s.view(through)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	least := max(s.retired, s.executed)
	s.mu.Unlock()
	if after < least {
		return nil, fmt.Errorf("%w: window after version %d; kept from %d", statemachine.ErrRetired, after, least)
	}
	var out []statemachine.Change
	var rot error
	cells.Scan(func(key string, versions []cell) bool {
		if rot = readable(key, versions); rot != nil {
			return false
		}
		if c, ok := newest(versions, through); ok && c.version > after {
			if rot = c.fits(key); rot != nil {
				return false
			}
			out = append(out, statemachine.Change{Key: []byte(key), Value: slices.Clone(c.value), Deleted: c.deleted})
		}
		return true
	})
	if rot != nil {
		return nil, rot
	}
	return out, nil
}

// Retire implements statemachine.Store.
func (s *Store) Retire(below statemachine.Version) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.failure != nil:
		return s.failure
	case below > s.marker.Version:
		return fmt.Errorf("%w: retire below version %d; the marker is at %d", statemachine.ErrVersion, below, s.marker.Version)
	case below <= s.retired:
		return nil
	}
	s.retired = below
	kept := new(btree.Map[string, []cell])
	s.cells.Scan(func(key string, cells []cell) bool {
		first := 0
		for first+1 < len(cells) && cells[first+1].version <= below {
			first++
		}
		if len(cells[first:]) > 1 || !cells[first].deleted || cells[first].version > below {
			kept.Set(key, slices.Clone(cells[first:]))
		}
		return true
	})
	s.cells = kept
	return nil
}

// SaveSnapshot implements statemachine.Store.
func (s *Store) SaveSnapshot(encoded []byte) error {
	if len(encoded) > snapshotBytesMax {
		return fmt.Errorf("memory store: a snapshot of %d bytes; at most %d are stored", len(encoded), snapshotBytesMax)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		s.snapshot = slices.Clone(encoded)
	}
	return s.failure
}

// SavedSnapshot implements statemachine.Store.
func (s *Store) SavedSnapshot() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.snapshot), s.failure
}
