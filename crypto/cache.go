package crypto

import (
	"hash/maphash"
	"sync"
)

const cacheShards = 16

// NewCache returns a scheme that remembers which checks another one found valid,
// so that a view change does not verify again what has been verified message by
// message. It is keyed by the whole of key, statement and signature, and holds
// positives only (R18): a forged signature finds nothing, and cannot take the
// place of a valid one. Equal checks in one call are verified once.
//
// It keeps about the last entriesMax valid checks, and never more, in 170 bytes
// each; with less than one entry for each of its 16 shards it keeps none.
func NewCache(scheme Scheme, entriesMax int) Scheme {
	c := &cache{Scheme: scheme, seed: maphash.MakeSeed()}
	for i := range c.shards {
		n := max(0, entriesMax/cacheShards)
		c.shards[i] = cacheShard{slots: make(map[uint64]int, n), ring: make([]Check, n), hashes: make([]uint64, n)}
	}
	return c
}

type cache struct {
	Scheme
	seed   maphash.Seed
	shards [cacheShards]cacheShard
}

// A cacheShard is a ring of valid checks. The map finds them by hash; only an
// equal check in the ring is an answer, so colliding hashes cost a miss at most.
type cacheShard struct {
	mu     sync.Mutex
	slots  map[uint64]int // hash to its place in ring
	ring   []Check
	hashes []uint64 // of ring's checks
	next   int
	_      [64]byte // keeps two shards' locks off one cache line
}

// Verify implements Scheme.
func (c *cache) Verify(checks []Check, valid []bool) {
	mustMatch(checks, valid)
	var m misses
	for i := range checks {
		h := maphash.Comparable(c.seed, checks[i])
		valid[i] = c.shards[h%cacheShards].holds(h, &checks[i])
		if !valid[i] {
			m.add(i, h, &checks[i])
		}
	}
	if len(m.checks) == 0 {
		return
	}
	answers := make([]bool, len(m.checks))
	c.Scheme.Verify(m.checks, answers)
	for i, h := range m.hashes {
		if answers[i] {
			c.shards[h%cacheShards].add(h, &m.checks[i])
		}
	}
	for i, asked := range m.asked {
		valid[asked] = answers[m.answer[i]]
	}
}

// misses are the checks of one call that the cache does not hold, each once.
type misses struct {
	checks []Check
	hashes []uint64
	places map[Check]int // in checks
	asked  []int         // indices in the call ...
	answer []int         // ... and for each the index in checks
}

func (m *misses) add(i int, hash uint64, c *Check) {
	if m.places == nil {
		m.places = make(map[Check]int)
	}
	place, ok := m.places[*c]
	if !ok {
		place = len(m.checks)
		m.places[*c] = place
		m.checks, m.hashes = append(m.checks, *c), append(m.hashes, hash)
	}
	m.asked, m.answer = append(m.asked, i), append(m.answer, place)
}

func (s *cacheShard) holds(h uint64, k *Check) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	slot, ok := s.slots[h]
	return ok && s.ring[slot] == *k
}

func (s *cacheShard) add(h uint64, k *Check) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ring) == 0 {
		return
	}
	if slot, ok := s.slots[h]; ok && s.ring[slot] == *k {
		return
	}
	if old := s.hashes[s.next]; s.slots[old] == s.next {
		delete(s.slots, old)
	}
	s.ring[s.next], s.hashes[s.next] = *k, h
	s.slots[h] = s.next
	s.next = (s.next + 1) % len(s.ring)
}
