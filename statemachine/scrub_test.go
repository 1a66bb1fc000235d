package statemachine_test

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/memory"
)

// scrubbed is a state that moves on, with a scrub of it.
type scrubbed struct {
	t     *rapid.T
	store *memory.Store
	base  *statemachine.Partitions
	scrub *statemachine.Scrub
	at    consensus.Sequence
}

func (s *scrubbed) write(keys int) statemachine.Version {
	byKey := map[byte]bool{}
	for range rapid.IntRange(0, 6).Draw(s.t, "changes") {
		byKey[byte(rapid.IntRange(0, keys-1).Draw(s.t, "key"))] = rapid.IntRange(0, 3).Draw(s.t, "kept") > 0
	}
	var changes []statemachine.Change
	for k := range byte(keys) {
		if kept, ok := byKey[k]; ok {
			c := statemachine.Change{Key: []byte{k}, Deleted: !kept}
			if kept {
				c.Value = fmt.Append(nil, s.at)
			}
			changes = append(changes, c)
		}
	}
	s.at++
	v := statemachine.VersionAt(s.at, 0)
	if err := s.store.Apply(changes, statemachine.Marker{Version: v}); err != nil {
		s.t.Fatal(err)
	}
	return v
}

// certify moves the scrub to a later snapshot, with steps tried in between.
func (s *scrubbed) certify(keys int) {
	next, err := statemachine.NextPartitions(s.store, s.base, s.write(keys), s.scrub)
	if err != nil {
		s.t.Fatal(err)
	}
	s.step()
	if rapid.Bool().Draw(s.t, "it is never certified, and the next one is") {
		if next, err = statemachine.NextPartitions(s.store, s.base, s.write(keys), s.scrub); err != nil {
			s.t.Fatal(err)
		}
	}
	s.base = next
	s.scrub.Settle(next)
	if err := s.store.Retire(next.Version); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scrubbed) step() {
	if _, err := s.scrub.Step(rapid.IntRange(1, 5).Draw(s.t, "step")); err != nil {
		s.t.Fatal(err)
	}
}

// R56: while the state moves on, a scrub never takes a state that is in order for
// rotten, and whatever is dropped, swapped or flipped is found within a round after it.
func TestScrub(t *testing.T) {
	const keys = 24
	rapid.Check(t, func(t *rapid.T) {
		s := &scrubbed{t: t, store: memory.New()}
		v := s.write(keys)
		s.base, _ = statemachine.ComputePartitions(s.store, v)
		s.scrub = statemachine.NewScrub(s.store)
		s.scrub.Restart(s.base)
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			if rapid.IntRange(0, 3).Draw(t, "certify") == 0 {
				s.certify(keys)
			} else {
				s.step()
			}
		}
		key := []byte{byte(rapid.IntRange(0, keys-1).Draw(t, "rotten"))}
		value, found, err := s.store.Read(key, s.base.Version)
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			return
		}
		var instead []byte
		if rapid.Bool().Draw(t, "flipped") {
			instead = append(value, 1)
		}
		s.store.Rot(key, instead)
		for rounds := 0; rounds < 2; {
			done, err := s.scrub.Step(5)
			if errors.Is(err, statemachine.ErrRot) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if done {
				rounds++
			}
		}
		t.Fatalf("two rounds over a state in which %q has rotted found nothing", key)
	})
}

// R56: a hole between two markers, which the store does not know of, shows in the
// chain of the windows.
func TestChainCheck(t *testing.T) {
	s := memory.New()
	var first, chain crypto.Digest
	const interval = 4
	for i := range consensus.Sequence(5) {
		at := (i + 1) * interval
		changes := []statemachine.Change{
			{Key: []byte("always"), Value: fmt.Append(nil, at)}, {Key: fmt.Append(nil, "once ", at), Value: []byte("v")},
		}
		chain = statemachine.NextChain(chain, at, statemachine.WriteSetDigest(changes))
		if i == 0 {
			first = chain
		}
		if err := s.Apply(changes, statemachine.Marker{Version: statemachine.VersionAt(at, 0), Chain: chain}); err != nil {
			t.Fatal(err)
		}
	}
	check := func(from consensus.Sequence, chain crypto.Digest) error {
		c := statemachine.NewChainCheck(s, from, chain, interval)
		for {
			if done, err := c.Step(); done || err != nil {
				return err
			}
		}
	}
	for from, chain := range map[consensus.Sequence]crypto.Digest{0: {}, interval: first, 5 * interval: chain} {
		if err := check(from, chain); err != nil {
			t.Errorf("from %d: %v", from, err)
		}
	}
	if err := s.Retire(statemachine.VersionAt(interval, 0)); err != nil {
		t.Fatal(err)
	}
	if err := check(0, crypto.Digest{}); !errors.Is(err, statemachine.ErrRetired) {
		t.Errorf("over windows that were given back: %v", err)
	}
	s.Rot(fmt.Append(nil, "once ", 3*interval), nil)
	if err := check(interval, first); !errors.Is(err, statemachine.ErrRot) {
		t.Errorf("a write of the third window is gone: %v", err)
	}
}
