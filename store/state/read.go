package state

import (
	"bytes"
	"fmt"

	"github.com/varangian-bft/varangian/statemachine"
)

// Read implements statemachine.Store.
func (s *Store) Read(key []byte, at statemachine.Version) (value []byte, found bool, err error) {
	if err := s.gate.enter(); err != nil {
		return nil, false, err
	}
	defer s.gate.leave()
	value, version, err := s.db.read(dataKey(key), uint64(s.valid.Load().resolve(at)))
	if err != nil {
		return nil, false, err
	}
	// Afterwards, since versions may be retired meanwhile.
	if err := s.valid.Load().readable(at); err != nil {
		return nil, false, err
	}
	return value, version != 0, nil
}

// Scan implements statemachine.Store.
func (s *Store) Scan(start, end []byte, at statemachine.Version, yield func(key, value []byte) bool) error {
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	through := uint64(s.valid.Load().resolve(at))
	w := walk{start: start, end: end, through: through, opened: func() error { return s.valid.Load().readable(at) }}
	return s.db.visit(w, func(e *cell) (bool, error) {
		value, err := e.value()
		if err != nil {
			return false, err
		}
		return yield(e.key[1:], value), nil
	})
}

// Salvage implements statemachine.Store.
func (s *Store) Salvage(at statemachine.Version, yield func(key, value []byte, damaged bool) bool) error {
	if err := s.gate.enter(); err != nil {
		return err
	}
	defer s.gate.leave()
	through := uint64(s.valid.Load().resolve(at))
	w := walk{through: through, opened: func() error { return s.valid.Load().readable(at) }}
	return s.db.visit(w, func(e *cell) (bool, error) {
		value, err := e.value()
		return yield(e.key[1:], value, err != nil), nil
	})
}

// Window implements statemachine.Store.
func (s *Store) Window(after, through statemachine.Version) ([]statemachine.Change, error) {
	if err := s.gate.enter(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	if after >= through {
		return nil, nil
	}
	c := s.valid.Load()
	var out []statemachine.Change
	w := walk{since: uint64(c.resolve(after)), through: uint64(c.resolve(through)), history: true, opened: func() error {
		c := s.valid.Load()
		if oldest := max(c.retired, c.floor); after < oldest {
			return fmt.Errorf("%w: changes after version %d; only those after %d are left", statemachine.ErrRetired, after, oldest)
		}
		return c.readable(through)
	}}
	err := s.db.visit(w, func(e *cell) (bool, error) {
		key := e.key[1:]
		if n := len(out); n > 0 && bytes.Equal(out[n-1].Key, key) {
			return true, nil // an older write of the same key
		}
		change := statemachine.Change{Key: bytes.Clone(key), Deleted: e.deleted}
		if !e.deleted {
			value, err := e.value()
			if err != nil {
				return false, err
			}
			change.Value = bytes.Clone(value)
		}
		out = append(out, change)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
