package crypto

import (
	"hash/maphash"
	"sync/atomic"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
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

type expandedKey struct {
	key      PublicKey
	expanded *voi.ExpandedPublicKey
}

var keySeed = maphash.MakeSeed()

// expand returns the expanded form of a key, or nil if it is not a point.
func (c *keyCache) expand(key PublicKey) *voi.ExpandedPublicKey {
	set := &c.sets[maphash.Bytes(keySeed, key[:])%keySets]
	for i := range set {
		if k := set[i].Load(); k != nil && k.key == key {
			return k.expanded
		}
	}
	expanded, err := voi.NewExpandedPublicKey(key[:])
	if err != nil {
		return nil
	}
	k := &expandedKey{key, expanded}
	for i := range set {
		if set[i].CompareAndSwap(nil, k) {
			return expanded
		}
	}
	set[c.turn.Add(1)%keyWays].Store(k)
	return expanded
}
