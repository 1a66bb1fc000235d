package crypto

import (
	"crypto/sha256"
	"encoding/binary"
)

// A Kind separates what is hashed by meaning (R13).
type Kind byte

// The kinds of hashed values. Numbers are part of the wire format.
const (
	KindConfiguration Kind = iota + 1 // genesis configuration: its hash is the group id
	KindStatement                     // what a signature covers
	KindRequest                       // a signed request, signature included (R10)
	KindBatch                         // content of a batch
	KindNullBatch                     // the null batch (R74)
	KindResults                       // results of one request
	KindLeaf                          // leaf of a Merkle tree
	KindNode                          // inner part of a Merkle tree
	KindWriteSet                      // sorted net changes of one window
	KindChain                         // write-set chain, certified by checkpoints
	KindEntry                         // one key and value in a lattice hash
	KindPartition                     // lattice hash and count of one partition
	KindHistory                       // chained hash over executed batches
	KindRecord                        // log record, chained
	KindRoot                          // number of leaves and top of a Merkle tree
	KindLattice                       // the lanes of a lattice hash
	KindListed                        // one key and value in the list of a snapshot's partition
)

// Hash returns the digest of the parts under a kind. Each part is preceded by
// its length, so that two different splits never collide (R13).
func Hash(kind Kind, parts ...[]byte) Digest {
	h := sha256.New()
	var head [9]byte
	head[0] = byte(kind)
	h.Write(head[:1])
	for _, p := range parts {
		binary.BigEndian.PutUint64(head[1:], uint64(len(p)))
		h.Write(head[1:])
		h.Write(p)
	}
	var d Digest
	h.Sum(d[:0])
	return d
}
