package crypto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	zeebo "github.com/zeebo/blake3"
	"pgregory.net/rapid"
)

func entries(t *rapid.T) []Digest {
	keys := rapid.SliceOfNDistinct(rapid.Uint16(), 0, 12, rapid.ID[uint16]).Draw(t, "keys")
	var all []Digest
	for _, k := range keys {
		all = append(all, Entry([]byte{byte(k)}, []byte{byte(k >> 8)}))
	}
	return all
}

func latticeOf(all []Digest) *Lattice {
	l := new(Lattice)
	for _, e := range all {
		l.Add(e)
	}
	return l
}

// The order in which entries come does not matter.
func TestLatticeOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := entries(t)
		if a, b := latticeOf(all), latticeOf(rapid.Permutation(all).Draw(t, "order")); *a != *b || a.Sum() != b.Sum() {
			t.Error("another order gives another hash")
		}
	})
}

// Removing undoes adding, in any order, and before it as well.
func TestLatticeInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := entries(t)
		l, kept := latticeOf(all), new(Lattice)
		for _, e := range all {
			if rapid.Bool().Draw(t, "remove") {
				l.Remove(e)
			} else {
				kept.Add(e)
			}
		}
		if *l != *kept {
			t.Error("what was removed left a trace")
		}
		e := Entry([]byte("new"), nil)
		l.Remove(e)
		l.Add(e)
		if *l != *kept {
			t.Error("removing before adding is not undone")
		}
	})
}

// Two disjoint sets combine to their union.
func TestLatticeCombine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := entries(t)
		cut := rapid.IntRange(0, len(all)).Draw(t, "cut")
		l := latticeOf(all[:cut])
		l.Combine(latticeOf(all[cut:]))
		if *l != *latticeOf(all) {
			t.Error("the parts do not make the whole")
		}
	})
}

// Lane by lane, and with another BLAKE3, the sums are the same.
func TestLatticeLanes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var lanes [LatticeSize / 2]uint16
		l := new(Lattice)
		for _, e := range entries(t) {
			sign := rapid.SampledFrom([]uint16{1, 0xffff}).Draw(t, "sign")
			if sign == 1 {
				l.Add(e)
			} else {
				l.Remove(e)
			}
			h := zeebo.New()
			_, _ = h.Write(e[:])
			var out [LatticeSize]byte
			_, _ = h.Digest().Read(out[:])
			for i := range lanes {
				lanes[i] += sign * binary.LittleEndian.Uint16(out[2*i:])
			}
		}
		var want []byte
		for _, lane := range lanes {
			want = binary.LittleEndian.AppendUint16(want, lane)
		}
		if !bytes.Equal(l.Append(nil), want) {
			t.Error("a carry crossed its lane")
		}
	})
}

func TestLatticeEncoding(t *testing.T) {
	l := latticeOf([]Digest{{1}, {2}})
	b, err := l.MarshalBinary()
	if err != nil || len(b) != LatticeSize {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	var back Lattice
	if err := back.UnmarshalBinary(b); err != nil || back != *l {
		t.Errorf("it comes back as another one: %v", err)
	}
	for _, size := range []int{0, LatticeSize - 1, LatticeSize + 1} {
		if err := back.UnmarshalBinary(make([]byte, size)); !errors.Is(err, ErrLatticeSize) || back != *l {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// R13: an entry does not depend on where its bytes are split.
func TestLatticeEntry(t *testing.T) {
	if Entry([]byte("ab"), []byte("c")) == Entry([]byte("a"), []byte("bc")) {
		t.Error("two entries have one digest")
	}
	if latticeOf([]Digest{{1}}).Sum() == latticeOf([]Digest{{2}}).Sum() {
		t.Error("two sets have one sum")
	}
}
