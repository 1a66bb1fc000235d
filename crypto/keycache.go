package crypto

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/oasisprotocol/curve25519-voi/curve"
)

const (
	keySets = 1024 // a power of two
	keyWays = 4    // keys that one set holds
)

// A keyCache keeps expanded keys, which make a check about a quarter cheaper.
// It takes no lock. Which set a key falls into depends on a secret of this
// process, so that nobody can choose keys that push each other out.
type keyCache struct {
	sets [keySets][keyWays]atomic.Pointer[expandedKey]
	turn atomic.Uint32
}

// An expandedKey is a public key with the multiples of its negative that a check
// needs. It is immutable.
type expandedKey struct {
	key PublicKey
	neg curve.ExpandedEdwardsPoint
}

var keySeed = maphash.MakeSeed()

// expand returns the expanded form of a key, or nil if it is not a point.
func (c *keyCache) expand(key PublicKey) *expandedKey {
	set := &c.sets[maphash.Bytes(keySeed, key[:])%keySets]
	for i := range set {
		if k := set[i].Load(); k != nil && k.key == key {
			return k
		}
	}
	k := newExpandedKey(key)
	if k == nil {
		return nil
	}
	for i := range set {
		if set[i].CompareAndSwap(nil, k) {
			return k
		}
	}
	set[c.turn.Add(1)%keyWays].Store(k)
	return k
}

func newExpandedKey(key PublicKey) *expandedKey {
	compressed := curve.CompressedEdwardsY(key)
	var p curve.EdwardsPoint
	if _, err := p.SetCompressedY(&compressed); err != nil {
		return nil
	}
	k := &expandedKey{key: key}
	k.neg.SetEdwardsPoint(p.Neg(&p))
	return k
}
