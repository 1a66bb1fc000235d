package statemachine

import (
	"encoding/binary"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

var kept, deleted = []byte{1}, []byte{0}

// WriteSetDigest returns the digest of the net changes of one window, sorted by
// key, each key once.
func WriteSetDigest(changes []Change) crypto.Digest {
	parts := make([][]byte, 0, 3*len(changes))
	for i := range changes {
		c := &changes[i]
		if c.Deleted {
			parts = append(parts, c.Key, deleted, nil)
		} else {
			parts = append(parts, c.Key, kept, c.Value)
		}
	}
	return crypto.Hash(crypto.KindWriteSet, parts...)
}

// NextChain returns the write-set chain after the window that ends at s, which
// is what a checkpoint certifies.
func NextChain(previous crypto.Digest, s consensus.Sequence, writeSet crypto.Digest) crypto.Digest {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(s))
	return crypto.Hash(crypto.KindChain, previous[:], b[:], writeSet[:])
}

// nextHistory returns the history after a batch: what was executed, and with
// which results.
func nextHistory(previous crypto.Digest, s consensus.Sequence, batch, root crypto.Digest) crypto.Digest {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(s))
	return crypto.Hash(crypto.KindHistory, previous[:], b[:], batch[:], root[:])
}
