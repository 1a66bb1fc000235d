package core

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

// Bounds of the answers to retries. Anyone may bring a replica an executed request
// again and again: whoever holds its bytes, also a faulty replica. What is over a bound
// stays unanswered, and its client asks again.
const (
	// repeatInterval is how long a request that was answered is not answered again
	// (R105); a client waits longer before it asks again.
	repeatInterval = 100 * time.Millisecond
	repeatCountMax = 4096
	repeatBytesMax = 16 << 20 // of results
)

// repeats are answers from the client table. All that came in a tick get one root and
// one signature, and while one answer waits for the log the others wait for it.
type repeats struct {
	pending  []statemachine.Outcome
	answered map[crypto.Digest]struct{} // requests of this interval, pending ones too
	bytes    int
	until    time.Time
	after    consensus.Position // what the last answer waits for
}

func (r *repeats) add(o statemachine.Outcome) {
	if _, ok := r.answered[o.Leaf.Request]; ok || len(r.answered) >= repeatCountMax || r.bytes+len(o.Results) > repeatBytesMax {
		return
	}
	r.answered[o.Leaf.Request] = struct{}{}
	r.bytes += len(o.Results)
	r.pending = append(r.pending, o)
}

// forget drops what was read from a state that is not believed any more.
func (r *repeats) forget() { *r = repeats{answered: map[crypto.Digest]struct{}{}} }

// answerRepeats answers retries under a fresh root (R28), when this replica may sign.
// Their batches may not be covered by the log yet, so the answer waits for what all
// executed batches rest on.
func (c *Core) answerRepeats(out *Output) {
	r := &c.repeats
	if len(r.pending) > 0 && r.after <= c.box.through && !c.mute() {
		if len(r.answered) == len(r.pending) { // an interval begins
			r.until = c.now.Add(repeatInterval)
		}
		leaves := make([]crypto.Digest, len(r.pending))
		for i := range r.pending {
			leaves[i] = r.pending[i].Leaf.Hash()
		}
		tree := crypto.NewMerkleTree(leaves)
		r.after = c.rests
		c.box.add(held{after: c.rests, reply: &Reply{Outcomes: r.pending, Tree: tree, Signature: c.signRoot(tree.Root())}}, out)
		r.pending = nil
	}
	if len(r.pending) == 0 && !c.now.Before(r.until) {
		clear(r.answered)
		r.bytes = 0
	}
}
