package memory

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

// ErrCrashed is returned by the write that a crash ended.
var ErrCrashed = errors.New("memory store: crashed in the middle of a write")

// Crash makes the next Apply or Install stop after so many of its writes to keys,
// and fail with ErrCrashed. What it wrote stays, above the marker, as on a disk.
// With as many writes as there are keys, or more, only the marker is missing. A
// negative number calls it off.
func (s *Store) Crash(afterWrites int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop = max(afterWrites+1, 0)
}

// Fail makes every later call fail with err, until Fail(nil).
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
}

// Rot replaces the newest value of a key in place, or takes the key away if value
// is nil, so that no checksum shows it. It reports whether there was one.
func (s *Store) Rot(key, value []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	cells, ok := s.cells.Get(string(key))
	if !ok {
		return false
	}
	cells = slices.Clone(cells)
	c := &cells[len(cells)-1]
	c.value, c.deleted, c.sum = slices.Clone(value), value == nil, checksum(string(key), c.version, value)
	s.cells.Set(string(key), cells)
	return true
}

// Apply implements statemachine.Store.
func (s *Store) Apply(changes []statemachine.Change, m statemachine.Marker) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.failure != nil:
		return s.failure
	case m.Version <= s.marker.Version || slices.Contains(s.spent, m.Version):
		return fmt.Errorf("%w: apply at version %d; the marker is at %d", statemachine.ErrVersion, m.Version, s.marker.Version)
	}
	for i := range changes {
		if i > 0 && bytes.Compare(changes[i-1].Key, changes[i].Key) >= 0 ||
			changes[i].Deleted && len(changes[i].Value) > 0 {
			return fmt.Errorf("memory store: changes are not sorted by key, or delete with a value, at %d", i)
		}
	}
	s.forget()
	if err := s.write(changes, m.Version); err != nil {
		return err
	}
	s.marker = m
	return nil
}

// forget drops what stands above the marker, from writes that did not end (R85).
func (s *Store) forget() {
	marker := s.marker.Version
	clean := s.cells.Copy()
	s.cells.Scan(func(key string, cells []cell) bool {
		n := len(cells)
		for n > 0 && cells[n-1].version > marker {
			n--
		}
		switch n {
		case len(cells):
		case 0:
			clean.Delete(key)
		default:
			clean.Set(key, slices.Clone(cells[:n]))
		}
		return true
	})
	s.cells = clean
}

// write adds the changes at a version, unless a crash ends it.
func (s *Store) write(changes []statemachine.Change, v statemachine.Version) error {
	stop := s.stop
	s.stop = 0
	for i := range changes {
		if i+1 == stop {
			return ErrCrashed
		}
		c := &changes[i]
		cells, _ := s.cells.Get(string(c.Key))
		next := append(make([]cell, 0, len(cells)+1), cells...)
		s.cells.Set(string(c.Key), append(next, cell{
			version: v, value: slices.Clone(c.Value), deleted: c.Deleted, sum: checksum(string(c.Key), v, c.Value),
		}))
	}
	if stop > len(changes) {
		return ErrCrashed
	}
	return nil
}

// Install implements statemachine.Store.
func (s *Store) Install(q consensus.Sequence, chain crypto.Digest, of statemachine.PartitionSet,
	contents func() (statemachine.Change, bool, error),
) (statemachine.Marker, error) {
	s.mu.Lock()
	v, err := s.next(q)
	if s.failure != nil {
		err = s.failure
	}
	if err == nil {
		s.spent = append(s.spent, v)
	}
	s.mu.Unlock()
	if err != nil {
		return statemachine.Marker{}, err
	}
	state, err := collect(of, contents)
	if err != nil {
		return statemachine.Marker{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	if err := s.intact(); err != nil {
		return statemachine.Marker{}, err
	}
	if err := s.write(s.difference(of, state), v); err != nil {
		return statemachine.Marker{}, err
	}
	s.marker = statemachine.Marker{Version: v, Chain: chain}
	s.executed = v
	return s.marker, nil
}

// collect reads the contents of an installation.
func collect(of statemachine.PartitionSet, contents func() (statemachine.Change, bool, error)) ([]statemachine.Change, error) {
	var out []statemachine.Change
	for {
		c, ok, err := contents()
		switch {
		case err != nil:
			return nil, err
		case !ok:
			return out, nil
		case !of.Holds(c.Key):
			return nil, fmt.Errorf("memory store: contents of a partition that is not installed, at entry %d", len(out))
		case c.Deleted || (len(out) > 0 && bytes.Compare(out[len(out)-1].Key, c.Key) >= 0):
			return nil, fmt.Errorf("memory store: contents are not sorted by key, or hold a deletion, at entry %d", len(out))
		}
		out = append(out, statemachine.Change{Key: slices.Clone(c.Key), Value: slices.Clone(c.Value)})
	}
}

// difference returns the changes that turn some partitions of the newest state into
// others.
func (s *Store) difference(of statemachine.PartitionSet, state []statemachine.Change) []statemachine.Change {
	out := slices.Clone(state)
	s.cells.Scan(func(key string, _ []cell) bool {
		_, stays := slices.BinarySearchFunc(state, []byte(key), func(c statemachine.Change, key []byte) int {
			return bytes.Compare(c.Key, key)
		})
		if !stays && of.Holds([]byte(key)) {
			out = append(out, statemachine.Change{Key: []byte(key), Deleted: true})
		}
		return true
	})
	slices.SortFunc(out, func(a, b statemachine.Change) int { return bytes.Compare(a.Key, b.Key) })
	return out
}
