package statemachine

import (
	"bytes"
	"fmt"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A ChainCheck recomputes the write sets of all windows from a state whose chain is
// certified to the marker, from what the store returns, and compares the chain that
// they add up to with the marker's (R56): so a hole shows that the store does not
// know of, also between two markers.
type ChainCheck struct {
	store    Store
	interval consensus.Sequence
	from, at consensus.Sequence
	chain    crypto.Digest
}

// NewChainCheck begins at the state after a sequence, which has a certified chain.
func NewChainCheck(store Store, from consensus.Sequence, chain crypto.Digest, interval uint64) *ChainCheck {
	return &ChainCheck{store: store, interval: consensus.Sequence(interval), from: from, at: from, chain: chain}
}

// Step takes the next window; done says that there is none. An error that wraps
// ErrRot says that the state is damaged; one that wraps ErrRetired only that the
// store has given the windows back.
func (c *ChainCheck) Step() (done bool, err error) {
	m, err := c.store.Marker()
	if err != nil {
		return false, err
	}
	if c.at >= m.Version.Sequence() {
		if c.at == m.Version.Sequence() && c.chain != m.Chain {
			return true, fmt.Errorf("%w: what is stored of the windows from %d to %d adds up to chain %s and not to %s",
				ErrRot, c.from, c.at, c.chain.Short(), m.Chain.Short())
		}
		return true, nil
	}
	next := c.at + c.interval
	changes, err := c.store.Window(VersionAt(c.at, 255), min(VersionAt(next, 255), m.Version))
	if err != nil {
		return false, fmt.Errorf("window of checkpoint %d: %w", next, err)
	}
	c.at, c.chain = next, NextChain(c.chain, next, WriteSetDigest(changes))
	return false, nil
}

// Differing returns the partitions in which two states differ.
func Differing(a, b *Partitions) (list []int) {
	for i := range PartitionCount {
		if a.Digest(i) != b.Digest(i) {
			list = append(list, i)
		}
	}
	return list
}

// A Scrub recomputes partitions from what the store returns for every key, a piece
// at a time, and compares them with the certified ones (R56). The state may move on
// meanwhile: then what is summed up moves along with what the certified partitions
// are computed from, so that no old version has to stay readable for it. It is used
// by one goroutine, that of the writer.
type Scrub struct {
	store  Store
	base   *Partitions // what there has to be; nil: nothing certified to compare with
	sum    *Partitions // of the keys below next, in the state at base.Version
	moved  *Partitions // the same in the state of a snapshot that is not certified yet
	next   []byte      // first key that is not summed up
	rounds uint64
	keys   uint64 // of this round
}

// NewScrub returns a scrub that has nothing to compare with.
func NewScrub(store Store) *Scrub { return &Scrub{store: store} }

// Restart begins a round anew, against certified partitions of the state at their
// version; nil if there are none.
func (s *Scrub) Restart(base *Partitions) {
	s.base, s.moved, s.next, s.keys = base, nil, nil, 0
	if base != nil {
		s.sum = &Partitions{Version: base.Version}
	}
}

// Waits reports whether a Step would do nothing: there is nothing to compare with,
// or a newer snapshot is about to be certified.
func (s *Scrub) Waits() bool { return s.base == nil || s.moved != nil }

// Rounds returns how many rounds have ended, and Keys how many keys the present one
// has passed, of how many.
func (s *Scrub) Rounds() uint64 { return s.rounds }

// Keys implements what Rounds says.
func (s *Scrub) Keys() (passed, of uint64) {
	if s.base == nil {
		return 0, 0
	}
	return s.keys, s.base.Count()
}

// Step sums up at most so many keys. At the end of a round done is true. The error
// wraps ErrRot if what is stored is not what was certified; the round then begins
// anew.
func (s *Scrub) Step(most int) (done bool, err error) {
	if s.Waits() {
		return false, nil
	}
	left := most
	err = s.store.Scan(s.next, nil, s.base.Version, func(key, value []byte) bool {
		if left == 0 {
			s.next = bytes.Clone(key)
			return false
		}
		s.sum.Add(key, value)
		s.keys++
		left--
		if left == 0 {
			s.next = append(bytes.Clone(key), 0)
		}
		return true
	})
	if err != nil {
		s.Restart(s.base)
		return false, fmt.Errorf("scrub: %w", err)
	}
	if left == 0 {
		return false, nil
	}
	parted := Differing(s.sum, s.base)
	version := s.base.Version
	s.rounds++
	s.Restart(s.base)
	if len(parted) > 0 {
		return true, fmt.Errorf("%w: %d partitions of the stored state at version %d are not those that were certified, partition %d is the first",
			ErrRot, len(parted), version, parted[0])
	}
	return true, nil
}

// follows reports whether a key's change concerns what is summed up already.
func (s *Scrub) follows(key []byte) bool {
	return s != nil && s.moved != nil && bytes.Compare(key, s.next) < 0
}

// prepare begins to move along with a snapshot that is being computed.
func (s *Scrub) prepare(to Version) {
	if s == nil || s.base == nil {
		return
	}
	s.sum.seal()
	moved := *s.sum
	moved.Version = to
	s.moved = &moved
}

// Settle says that the snapshot whose partitions were computed last was certified,
// and goes on from there.
func (s *Scrub) Settle(base *Partitions) {
	if s.moved == nil {
		s.Restart(base)
		return
	}
	s.base, s.sum, s.moved = base, s.moved, nil
	s.sum.Version = base.Version
}
