package statemachine

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// An Execution is what a batch put out. It is immutable and may be read by any
// goroutine.
type Execution struct {
	Sequence consensus.Sequence
	Root     crypto.Digest // Merkle root over the leaves; the core signs it once
	History  crypto.Digest // hash over sequence, batch digest and Root, chained
	Time     consensus.Time
	Outcomes []Outcome // one for each request of the batch, in its order
	Tree     *crypto.MerkleTree
	Window   *Window // the closed window, if Sequence is a checkpoint; else nil
	Clients  bool    // the table of clients changed
}

// An Outcome is the result of one request. For a repeated one it is what the
// first execution gave (R23).
type Outcome struct {
	Leaf    consensus.Leaf
	Results []byte // consensus.MarshalResults; nil if only the digest is kept (R28)
}

// A Window is the net change of the state between two checkpoints.
type Window struct {
	Sequence consensus.Sequence // the checkpoint that closes it
	Chain    crypto.Digest      // write-set chain after it
	Changes  []Change           // sorted by key, each key once
}
