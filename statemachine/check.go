package statemachine

import (
	"bytes"
	"fmt"

	"github.com/varangian-bft/varangian/crypto"
)

// StoredPartitions returns the partitions of the state at a version as the disk
// returns it now, whatever was computed earlier (R56). Entries that are damaged are
// left out; the partitions that had any are named, since what is left of them may by
// chance be what another state has.
func StoredPartitions(store Store, at Version) (p *Partitions, damaged PartitionSet, err error) {
	p = &Partitions{Version: at}
	err = store.Salvage(at, func(key, value []byte, bad bool) bool {
		if bad {
			damaged.Add(PartitionOf(key))
			return true
		}
		p.Add(key, value)
		return true
	})
	if err != nil {
		return nil, damaged, fmt.Errorf("stored partitions at version %d: %w", at, err)
	}
	return p, damaged, nil
}

// A PartitionCheck verifies the entries of one partition as they arrive, in
// memory that does not depend on their number (R94). Make one with
// NewPartitionCheck.
type PartitionCheck struct {
	index uint8
	sum   Partition
	last  []byte
	bad   bool
}

// NewPartitionCheck begins the check of partition index.
func NewPartitionCheck(index uint8) *PartitionCheck { return &PartitionCheck{index: index} }

// Add takes the next entry, by ascending key. It refuses what is out of order or
// belongs to another partition, and everything after that.
func (c *PartitionCheck) Add(key, value []byte) bool {
	if c.bad || (c.sum.Count > 0 && bytes.Compare(c.last, key) >= 0) || PartitionOf(key) != c.index {
		c.bad = true
		return false
	}
	c.last = append(c.last[:0], key...)
	c.sum.Add(key, value)
	return true
}

// Matches reports whether the entries so far are exactly those of a partition with
// a certified digest.
func (c *PartitionCheck) Matches(certified crypto.Digest) bool {
	return !c.bad && c.sum.Digest() == certified
}

// Digest returns the digest of the entries so far. It means nothing after an entry
// that Add refused.
func (c *PartitionCheck) Digest() crypto.Digest { return c.sum.Digest() }

// CheckPartition reports whether entries, sorted by key, are exactly those of the
// partition with a certified digest (R94).
func CheckPartition(index uint8, entries []Change, certified crypto.Digest) bool {
	c := NewPartitionCheck(index)
	for i := range entries {
		if entries[i].Deleted || !c.Add(entries[i].Key, entries[i].Value) {
			return false
		}
	}
	return c.Matches(certified)
}
