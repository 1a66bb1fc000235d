package crypto

import (
	"crypto/rand"
	"crypto/sha512"
	"slices"
	"sync"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
)

// An equation is one signature made ready for checking. It holds if
//
//	[8]([s]B - [k]A - R) = 0, with k = SHA-512(R, A, message)
//
// which is what ZIP-215 asks. Alone or in a batch, signatures are decoded here
// and nowhere else, so that no path accepts more than another (R12).
type equation struct {
	key *expandedKey
	r   curve.EdwardsPoint
	s   scalar.Scalar
	k   scalar.Scalar
}

// set decodes a signature. It returns false if it cannot be valid: the key or R
// is not a point, or S is not below the group order.
func (e *equation) set(key *expandedKey, message []byte, sig *Signature) bool {
	if key == nil || !scalar.ScMinimalVartime(sig[32:]) {
		return false
	}
	compressed := curve.CompressedEdwardsY(sig[:32])
	if _, err := e.r.SetCompressedY(&compressed); err != nil {
		return false
	}
	if _, err := e.s.SetBytesModOrder(sig[32:]); err != nil {
		return false
	}
	// The bytes as they came, not the points, are hashed (ZIP-215).
	h := sha512.New()
	h.Write(sig[:32])
	h.Write(key.key[:])
	h.Write(message)
	var sum [sha512.Size]byte
	if _, err := e.k.SetBytesModOrderWide(h.Sum(sum[:0])); err != nil {
		return false
	}
	e.key = key
	return true
}

func (e *equation) holds() bool {
	var p curve.EdwardsPoint
	p.ExpandedTripleScalarMulBasepointVartime(&e.k, &e.key.neg, &e.s, &e.r)
	return p.IsSmallOrder()
}

// A batch checks many equations by one, their sum with random 128-bit factors z:
//
//	[8](Σ[z]R + Σ[zk]A - [Σzs]B) = 0
//
// If each equation holds, the sum does; if one does not, the sum holds with a
// probability of 2^-127 or less, since multiplying by 8 leaves only points of
// prime order. The factors are drawn after the signatures are known, so nobody
// can choose signatures to fit. Equations of one key share a term.
type batch struct {
	equations []equation
	random    [batchCountMax * factorSize]byte
	factors   [batchCountMax]scalar.Scalar
	sums      [1 + batchCountMax]scalar.Scalar // factor of B, then of each key

	factorsOf, sumsOf []*scalar.Scalar
	points            []*curve.EdwardsPoint
	expanded          []*curve.ExpandedEdwardsPoint // B, then each key
}

const factorSize = 16

var (
	base      = curve.NewExpandedEdwardsPoint(curve.ED25519_BASEPOINT_POINT)
	batchPool = sync.Pool{New: func() any { return &batch{equations: make([]equation, 0, batchCountMax)} }}
)

// add returns what equation.set returns, and takes the equation in if that is true.
func (b *batch) add(key *expandedKey, message []byte, sig *Signature) bool {
	n := len(b.equations)
	b.equations = b.equations[:n+1]
	if !b.equations[n].set(key, message, sig) {
		b.equations = b.equations[:n]
		return false
	}
	return true
}

// verify sets valid[i] to false if the equation that made it true does not hold,
// and empties the batch. The equations are those of the true elements, in order.
func (b *batch) verify(valid []bool) {
	if !b.holds() {
		// One after the other: cheaper than searching by halves as soon as two
		// are bad, and a liar would send many.
		next := 0
		for i, decoded := range valid {
			if decoded {
				valid[i] = b.equations[next].holds()
				next++
			}
		}
	}
	b.equations = b.equations[:0]
}

func (b *batch) holds() bool {
	random := b.random[:len(b.equations)*factorSize]
	_, _ = rand.Read(random) // never fails, by its documentation
	clear(b.sums[:])
	b.factorsOf, b.points = b.factorsOf[:0], b.points[:0]
	b.expanded, b.sumsOf = append(b.expanded[:0], base), append(b.sumsOf[:0], &b.sums[0])
	for i := range b.equations {
		e, z := &b.equations[i], &b.factors[i]
		var wide [scalar.ScalarSize]byte
		copy(wide[:], random[i*factorSize:(i+1)*factorSize])
		if _, err := z.SetBytesModOrder(wide[:]); err != nil {
			return false
		}
		place := slices.Index(b.expanded, &e.key.neg)
		if place < 0 {
			place = len(b.expanded)
			b.expanded, b.sumsOf = append(b.expanded, &e.key.neg), append(b.sumsOf, &b.sums[place])
		}
		var product scalar.Scalar
		b.sums[0].Add(&b.sums[0], product.Mul(z, &e.s))
		b.sums[place].Add(&b.sums[place], product.Mul(z, &e.k))
		b.factorsOf, b.points = append(b.factorsOf, z), append(b.points, &e.r)
	}
	for _, sum := range b.sumsOf { // what is expanded of a key is its negative
		sum.Neg(sum)
	}
	var p curve.EdwardsPoint
	p.ExpandedMultiscalarMulVartime(b.sumsOf, b.expanded, b.factorsOf, b.points)
	return p.IsSmallOrder()
}
