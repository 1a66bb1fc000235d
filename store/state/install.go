package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

// Install implements statemachine.Store.
//
// Its steps, each of which may be the last before a crash: the version is noted
// as suspect, so that no later write takes it for its own; what differs from the
// contents is written; everything is read back and compared with what came in
// (R84); the marker is set. Until the last one readers see the old state.
func (s *Store) Install(q consensus.Sequence, chain crypto.Digest, of statemachine.PartitionSet,
	contents func() (statemachine.Change, bool, error),
) (statemachine.Marker, error) {
	m := statemachine.Marker{Chain: chain}
	err := s.change(func(c *control) error {
		spent := union(c.suspects, s.leftovers, c.marker.Version)
		var err error
		if m.Version, err = after(q, c.marker.Version, spent); err != nil {
			return err
		}
		if err := s.space.ready(spaceCheckBytes); err != nil {
			return err
		}
		noted := *c
		noted.suspects = union(spent, []statemachine.Version{m.Version}, 0)
		if len(noted.suspects) > suspectsCountMax {
			return refusal{fmt.Errorf("%d installations did not end; empty the state's directory", len(noted.suspects))}
		}
		if err := s.settle(noted); err != nil {
			return err
		}
		sets, err := s.replace(m.Version, of, contents)
		if err != nil {
			return err
		}
		return s.advance(s.valid.Load(), m, sets, m.Version)
	})
	if err != nil {
		return statemachine.Marker{}, err
	}
	return m, nil
}

// replace makes some partitions of the state at a version, where nothing stands
// yet, equal to the contents, and returns how many values that took.
func (s *Store) replace(v statemachine.Version, of statemachine.PartitionSet,
	contents func() (statemachine.Change, bool, error),
) (uint64, error) {
	w := &writer{bulk: s.db.newBulk(uint64(v)), space: s.space}
	defer w.cancel()
	in := &incoming{next: contents, of: of, sum: newContentSum()}
	if err := in.advance(); err != nil {
		return 0, err
	}
	err := s.db.visit(walk{through: uint64(v)}, func(e *cell) (bool, error) {
		if !of.Holds(e.key[1:]) {
			return true, nil
		}
		return true, w.merge(in, e)
	})
	if err != nil {
		return 0, err
	}
	for !in.done {
		if err := w.take(in); err != nil {
			return 0, err
		}
	}
	if err := w.flush(); err != nil {
		return 0, fmt.Errorf("write the state at version %d: %w", v, err)
	}
	return w.sets, s.readBack(v, of, in.sum)
}

// merge brings the key of a stored entry, and all incoming keys before it, to
// what the contents say.
func (w *writer) merge(in *incoming, e *cell) error {
	key := e.key[1:]
	for !in.done && bytes.Compare(in.head.Key, key) < 0 {
		if err := w.take(in); err != nil {
			return err
		}
	}
	if in.done || !bytes.Equal(in.head.Key, key) {
		return w.write(&statemachine.Change{Key: key, Deleted: true})
	}
	// A value that has rotted is one that differs: it is written again.
	if value, err := e.value(); err == nil && bytes.Equal(value, in.head.Value) {
		return in.advance()
	}
	return w.take(in)
}

// take writes the head of the contents and goes on to the next.
func (w *writer) take(in *incoming) error {
	if err := w.write(&in.head); err != nil {
		return err
	}
	return in.advance()
}

// readBack compares what was installed with what it has to be (R84).
func (s *Store) readBack(v statemachine.Version, of statemachine.PartitionSet, want contentSum) error {
	got := newContentSum()
	err := s.db.visit(walk{through: uint64(v)}, func(e *cell) (bool, error) {
		if !of.Holds(e.key[1:]) {
			return true, nil
		}
		value, err := e.value()
		if err != nil {
			return false, err
		}
		got.add(e.key[1:], value)
		return true, nil
	})
	if err != nil {
		return err
	}
	if got.total() != want.total() {
		return fmt.Errorf("%w: the state installed at version %d reads back otherwise", statemachine.ErrRot, v)
	}
	return nil
}

// incoming is the stream of an installation, one entry at a time.
type incoming struct {
	next func() (statemachine.Change, bool, error)
	of   statemachine.PartitionSet
	head statemachine.Change
	last []byte
	any  bool
	done bool
	sum  contentSum
}

// advance takes the next entry of the stream. What is wrong with it is the
// source's fault and leaves the store in order.
func (in *incoming) advance() error {
	change, ok, err := in.next()
	if err != nil {
		return refusal{fmt.Errorf("contents of the state: %w", err)}
	}
	if !ok {
		in.done = true
		return nil
	}
	if err := checkChange(&change); err != nil {
		return refusal{err}
	}
	if change.Deleted || in.any && bytes.Compare(in.last, change.Key) >= 0 {
		return refusal{fmt.Errorf("contents of the state: key %q is deleted or out of order", change.Key)}
	}
	if !in.of.Holds(change.Key) {
		return refusal{fmt.Errorf("contents of the state: key %q is in a partition that is not installed", change.Key)}
	}
	in.head, in.any = change, true
	in.last = append(in.last[:0], change.Key...)
	in.sum.add(change.Key, change.Value)
	return nil
}

// A contentSum is a hash over keys and values in order.
type contentSum struct{ hash.Hash }

func newContentSum() contentSum { return contentSum{sha256.New()} }

func (c contentSum) add(key, value []byte) {
	var head [8]byte
	if len(key) > math.MaxUint32 || len(value) > math.MaxUint32 {
		panic("a key or value beyond its bound reached the sum")
	}
	binary.BigEndian.PutUint32(head[:], uint32(len(key)))
	binary.BigEndian.PutUint32(head[4:], uint32(len(value)))
	c.Write(head[:])
	c.Write(key)
	c.Write(value)
}

func (c contentSum) total() (d [sha256.Size]byte) {
	c.Sum(d[:0])
	return d
}
