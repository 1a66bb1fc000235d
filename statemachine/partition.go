package statemachine

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/crypto"
)

// PartitionCount is how many partitions a key space has.
const PartitionCount = 256

// PartitionOf returns the partition that a full key falls into, by its hash, so
// that no choice of keys makes one partition large.
func PartitionOf(key []byte) uint8 { return crypto.Hash(crypto.KindEntry, key)[0] }

// A Partition stands for the entries of one partition: their lattice hash, and
// how many they are (R121). The zero value stands for none.
type Partition struct {
	Lattice crypto.Lattice
	Count   uint64
}

// Add counts an entry in, which is not in yet.
func (p *Partition) Add(key, value []byte) {
	p.Lattice.Add(crypto.Entry(key, value))
	p.Count++
}

// Digest returns what a snapshot's root covers of the partition.
func (p *Partition) Digest() crypto.Digest {
	sum := p.Lattice.Sum()
	return crypto.Hash(crypto.KindPartition, sum[:], binary.BigEndian.AppendUint64(nil, p.Count))
}

// Partitions stand for a whole state, the one at Version. Equal states have equal
// Roots, whatever versions they are stored under.
type Partitions struct {
	Version Version
	Each    [PartitionCount]Partition
}

// Digests returns the digest of every partition. They are the leaves under Root.
func (p *Partitions) Digests() []crypto.Digest {
	out := make([]crypto.Digest, PartitionCount)
	for i := range p.Each {
		out[i] = p.Each[i].Digest()
	}
	return out
}

// Root returns the Merkle root over the partitions' digests.
func (p *Partitions) Root() crypto.Digest { return crypto.MerkleRoot(p.Digests()) }

// Count returns how many entries the state has.
func (p *Partitions) Count() (n uint64) {
	for i := range p.Each {
		n += p.Each[i].Count
	}
	return n
}

// partitionsSize is the encoded size of Partitions.
const partitionsSize = 8 + PartitionCount*(8+crypto.LatticeSize)

// Marshal returns the one encoding, a little over 512 KiB, as Store.SaveSnapshot
// takes it.
func (p *Partitions) Marshal() []byte {
	b := make([]byte, 0, partitionsSize)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Version))
	for i := range p.Each {
		b = binary.BigEndian.AppendUint64(b, p.Each[i].Count)
		b = p.Each[i].Lattice.Append(b)
	}
	return b
}

// ReadPartitions reads what Marshal wrote, and nothing of another length.
func ReadPartitions(encoded []byte) (*Partitions, bool) {
	if len(encoded) != partitionsSize {
		return nil, false
	}
	s := cryptobyte.String(encoded)
	p := new(Partitions)
	ok := s.ReadUint64((*uint64)(&p.Version))
	for i := range p.Each {
		var lattice []byte
		ok = ok && s.ReadUint64(&p.Each[i].Count) && s.ReadBytes(&lattice, crypto.LatticeSize) &&
			p.Each[i].Lattice.UnmarshalBinary(lattice) == nil
	}
	return p, ok
}

// NextPartitions returns the partitions of the state at a version from those of
// an older one, at a cost of two entries for each key that changed between them.
// It fails with ErrRetired if the store has given something back that it needs;
// ComputePartitions then still works.
func NextPartitions(store Store, old *Partitions, to Version) (*Partitions, error) {
	changes, err := store.Window(old.Version, to)
	if err != nil {
		return nil, fmt.Errorf("partitions at version %d from %d: %w", to, old.Version, err)
	}
	next := *old
	next.Version = to
	for i := range changes {
		c := &changes[i]
		before, found, err := store.Read(c.Key, old.Version)
		if err != nil {
			return nil, fmt.Errorf("partitions at version %d from %d: %w", to, old.Version, err)
		}
		if found && !c.Deleted && bytes.Equal(before, c.Value) {
			continue
		}
		p := &next.Each[PartitionOf(c.Key)]
		if found {
			if p.Count == 0 {
				return nil, fmt.Errorf("%w: more entries at version %d than were counted", ErrRot, old.Version)
			}
			p.Lattice.Remove(crypto.Entry(c.Key, before))
			p.Count--
		}
		if !c.Deleted {
			p.Add(c.Key, c.Value)
		}
	}
	return &next, nil
}

// ComputePartitions returns the partitions of the state at a version from what
// the store returns for every key (R56).
func ComputePartitions(store Store, at Version) (*Partitions, error) {
	p := &Partitions{Version: at}
	err := store.Scan(nil, nil, at, func(key, value []byte) bool {
		p.Each[PartitionOf(key)].Add(key, value)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("partitions at version %d: %w", at, err)
	}
	return p, nil
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
