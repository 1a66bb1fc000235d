package crypto

import (
	"encoding/binary"
	"errors"
	"sync"

	"lukechampine.com/blake3"
)

// LatticeSize is the encoded size of a Lattice, in bytes.
const LatticeSize = 2048

// ErrLatticeSize says that an encoded Lattice has not LatticeSize bytes.
var ErrLatticeSize = errors.New("crypto: a lattice hash has 2048 bytes; the stored one is damaged")

// A Lattice is the LtHash16 of a set of entries: the sum of their 1024 lanes of
// 16 bits. It depends on what the set holds, not on the order in which entries
// came and went, so it follows a state at the cost of what changed. Two sets with
// one lattice hash are as hard to find as a collision of the digest of an entry,
// as long as each entry is in the set at most once. The zero value is the hash
// of the empty set. It is not safe for concurrent use.
type Lattice struct {
	words [LatticeSize / 8]uint64 // four lanes each, the first in the low bits
}

// Entry returns the digest under which a key with its value is added to a
// Lattice.
func Entry(key, value []byte) Digest { return Hash(KindEntry, key, value) }

// The top bit of each lane is added apart from the other 15, so that no carry
// leaves its lane.
const (
	laneTops  = 0x8000_8000_8000_8000
	laneRests = ^uint64(laneTops)
)

// Add puts an entry into the set. The caller knows that it is not in it yet.
func (l *Lattice) Add(entry Digest) {
	x := expanders.Get().(*expander)
	defer expanders.Put(x)
	for i, b := range x.expand(entry) {
		a := l.words[i]
		l.words[i] = (a&laneRests + b&laneRests) ^ (a^b)&laneTops
	}
}

// Remove takes an entry out of the set. The caller knows that it is in it.
func (l *Lattice) Remove(entry Digest) {
	x := expanders.Get().(*expander)
	defer expanders.Put(x)
	for i, b := range x.expand(entry) {
		a := l.words[i]
		l.words[i] = ((a | laneTops) - b&laneRests) ^ ^(a^b)&laneTops
	}
}

// Combine adds all entries of another set, which shares none with this one.
func (l *Lattice) Combine(other *Lattice) {
	for i := range l.words {
		a, b := l.words[i], other.words[i]
		l.words[i] = (a&laneRests + b&laneRests) ^ (a^b)&laneTops
	}
}

// Sum returns the digest of the set.
func (l *Lattice) Sum() Digest {
	var b [LatticeSize]byte
	return Hash(KindLattice, l.Append(b[:0]))
}

// Append appends the encoding, LatticeSize bytes: the lanes in order, each with
// its low byte first.
func (l *Lattice) Append(b []byte) []byte {
	for _, w := range l.words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// MarshalBinary returns what Append appends. It never fails.
func (l *Lattice) MarshalBinary() ([]byte, error) {
	return l.Append(make([]byte, 0, LatticeSize)), nil
}

// UnmarshalBinary sets the lattice from its encoding. Any LatticeSize bytes are
// one; other lengths are refused and leave the lattice as it is.
func (l *Lattice) UnmarshalBinary(b []byte) error {
	if len(b) != LatticeSize {
		return ErrLatticeSize
	}
	for i := range l.words {
		l.words[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return nil
}

// An expander is the scratch space of one expansion.
type expander struct {
	hasher *blake3.Hasher
	output [LatticeSize]byte
	words  [LatticeSize / 8]uint64
}

var expanders = sync.Pool{New: func() any { return &expander{hasher: blake3.New(DigestSize, nil)} }}

// expand returns the lanes of one entry: the first 2048 bytes of BLAKE3 in
// extended-output mode, as the published construction wants it.
func (x *expander) expand(entry Digest) *[LatticeSize / 8]uint64 {
	x.hasher.Reset()
	_, _ = x.hasher.Write(entry[:])
	_, _ = x.hasher.XOF().Read(x.output[:])
	for i := range x.words {
		x.words[i] = binary.LittleEndian.Uint64(x.output[8*i:])
	}
	return &x.words
}
