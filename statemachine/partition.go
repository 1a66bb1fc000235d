package statemachine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/crypto"
)

// PartitionCount is how many partitions a key space has.
const PartitionCount = 256

// PartitionOf returns the partition that a full key falls into, by its hash, so
// that no choice of keys makes one partition large.
func PartitionOf(key []byte) uint8 { return crypto.Hash(crypto.KindEntry, key)[0] }

// A PartitionSet is a set of partitions. The zero value is empty.
type PartitionSet [PartitionCount / 64]uint64

// AllPartitions returns the set of all partitions.
func AllPartitions() (s PartitionSet) {
	for i := range s {
		s[i] = 1<<64 - 1
	}
	return s
}

// Add puts a partition into the set.
func (s *PartitionSet) Add(i uint8) { s[i/64] |= 1 << (i % 64) }

// Has reports whether a partition is in the set.
func (s *PartitionSet) Has(i uint8) bool { return s[i/64]>>(i%64)&1 == 1 }

// Holds reports whether a full key falls into a partition of the set. It costs
// nothing if the set has all.
func (s *PartitionSet) Holds(key []byte) bool {
	return *s == AllPartitions() || s.Has(PartitionOf(key))
}

// Len returns how many partitions are in the set.
func (s *PartitionSet) Len() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

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
	if p.Count == 0 && p.Lattice == (crypto.Lattice{}) {
		return emptyPartition
	}
	return p.sum()
}

func (p *Partition) sum() crypto.Digest {
	sum := p.Lattice.Sum()
	return crypto.Hash(crypto.KindPartition, sum[:], binary.BigEndian.AppendUint64(nil, p.Count))
}

var emptyPartition = new(Partition).sum()

// Partitions stand for a whole state, the one at Version. Equal states have equal
// Roots, whatever versions they are stored under. They are used by one goroutine.
type Partitions struct {
	Version Version
	each    [PartitionCount]*summed // nil for a partition without entries
}

// A summed partition is shared by all Partitions in which it is the same, so it
// does not change any more once it has its digest.
type summed struct {
	Partition
	digest crypto.Digest
	known  bool
}

// Add counts an entry in, which is not in yet.
func (p *Partitions) Add(key, value []byte) { p.own(PartitionOf(key)).Add(key, value) }

// own returns a partition that may be changed.
func (p *Partitions) own(i uint8) *summed {
	switch s := p.each[i]; {
	case s == nil:
		p.each[i] = new(summed)
	case s.known:
		p.each[i] = &summed{Partition: s.Partition}
	}
	return p.each[i]
}

// seal keeps what p holds from being changed by what shares it.
func (p *Partitions) seal() {
	for i := range p.each {
		p.Digest(i)
	}
}

// Entries returns how many entries partition i has.
func (p *Partitions) Entries(i int) uint64 {
	if p.each[i] == nil {
		return 0
	}
	return p.each[i].Count
}

// Digest returns the digest of partition i.
func (p *Partitions) Digest(i int) crypto.Digest {
	s := p.each[i]
	if s == nil {
		return emptyPartition
	}
	if !s.known {
		s.digest, s.known = s.Partition.Digest(), true
	}
	return s.digest
}

// Digests returns the digest of every partition. They are the leaves under Root.
func (p *Partitions) Digests() []crypto.Digest {
	out := make([]crypto.Digest, PartitionCount)
	for i := range out {
		out[i] = p.Digest(i)
	}
	return out
}

// Root returns the Merkle root over the partitions' digests.
func (p *Partitions) Root() crypto.Digest { return crypto.MerkleRoot(p.Digests()) }

// Count returns how many entries the state has.
func (p *Partitions) Count() (n uint64) {
	for i := range p.each {
		n += p.Entries(i)
	}
	return n
}

// Marshal returns the one encoding, at most a little over 512 KiB, as
// Store.SaveSnapshot takes it: the version, and of each partition the count and,
// unless that is 0, the lattice hash.
func (p *Partitions) Marshal() []byte {
	size := 8 + 8*PartitionCount
	for i := range p.each {
		if p.Entries(i) > 0 {
			size += crypto.LatticeSize
		}
	}
	b := binary.BigEndian.AppendUint64(make([]byte, 0, size), uint64(p.Version))
	for i := range p.each {
		count := p.Entries(i)
		b = binary.BigEndian.AppendUint64(b, count)
		if count > 0 {
			b = p.each[i].Lattice.Append(b)
		}
	}
	return b
}

// ReadPartitions reads what Marshal wrote, and nothing of another length.
func ReadPartitions(encoded []byte) (*Partitions, bool) {
	s := cryptobyte.String(encoded)
	p := new(Partitions)
	if !s.ReadUint64((*uint64)(&p.Version)) {
		return nil, false
	}
	for i := range p.each {
		var count uint64
		var lattice []byte
		if !s.ReadUint64(&count) {
			return nil, false
		}
		if count == 0 {
			continue
		}
		if !s.ReadBytes(&lattice, crypto.LatticeSize) {
			return nil, false
		}
		p.each[i] = &summed{Partition: Partition{Count: count}}
		if p.each[i].Lattice.UnmarshalBinary(lattice) != nil {
			return nil, false
		}
	}
	return p, s.Empty()
}

// NextPartitions returns the partitions of the state at a version from those of
// an older one, at a cost of two entries for each key that changed between them. A
// scrub of the older ones moves along; nil: there is none. It fails with ErrRetired
// if the store has given something back that it needs; ComputePartitions then still
// works.
func NextPartitions(store Store, old *Partitions, to Version, scrub *Scrub) (*Partitions, error) {
	changes, err := store.Window(old.Version, to)
	if err != nil {
		return nil, fmt.Errorf("partitions at version %d from %d: %w", to, old.Version, err)
	}
	old.seal()
	next := *old
	next.Version = to
	scrub.prepare(to)
	for i := range changes {
		c := &changes[i]
		before, found, err := store.Read(c.Key, old.Version)
		if err != nil {
			return nil, fmt.Errorf("partitions at version %d from %d: %w", to, old.Version, err)
		}
		if found && !c.Deleted && bytes.Equal(before, c.Value) {
			continue
		}
		d := delta{removed: found, added: !c.Deleted}
		if found {
			d.lattice.Remove(crypto.Entry(c.Key, before))
		}
		if !c.Deleted {
			d.lattice.Add(crypto.Entry(c.Key, c.Value))
		}
		i := PartitionOf(c.Key)
		whole := next.own(i).change(&d)
		if scrub.follows(c.Key) {
			whole = scrub.moved.own(i).change(&d) && whole
		}
		if !whole {
			return nil, fmt.Errorf("%w: more entries at version %d than were counted", ErrRot, old.Version)
		}
	}
	return &next, nil
}

// A delta is what one key's change does to its partition.
type delta struct {
	lattice        crypto.Lattice
	removed, added bool
}

// change reports false if there was nothing to remove.
func (p *Partition) change(d *delta) bool {
	if d.removed {
		if p.Count == 0 {
			return false
		}
		p.Count--
	}
	if d.added {
		p.Count++
	}
	p.Lattice.Combine(&d.lattice)
	return true
}

// ComputePartitions returns the partitions of the state at a version from what
// the store returns for every key (R56).
func ComputePartitions(store Store, at Version) (*Partitions, error) {
	p := &Partitions{Version: at}
	err := store.Scan(nil, nil, at, func(key, value []byte) bool {
		p.Add(key, value)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("partitions at version %d: %w", at, err)
	}
	return p, nil
}
