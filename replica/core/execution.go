package core

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

// execute hands a committed batch to the executor, or parks it while state
// transfer is under way.
func (c *Core) execute(x consensus.Execute, out *Output) {
	if c.repair.reason != "" {
		return // the engine hands it out again when the state is repaired
	}
	c.rests = max(c.rests, x.After)
	x.After = c.rests
	if c.moving.active() {
		c.moving.parked = append(c.moving.parked, x)
		return
	}
	c.executing++
	c.moving.afters = append(c.moving.afters, x.After)
	out.Execute = append(out.Execute, x)
}

// onExecuted signs the receipt root of a batch, and lets receipts and, at a
// checkpoint, the flush of its window wait for the log (R6, R125).
func (c *Core) onExecuted(in Executed, out *Output) {
	x := in.Execution
	after := c.moving.afters[0]
	c.moving.afters = c.moving.afters[1:]
	c.executing--
	if x == nil || c.repair.reason != "" {
		return
	}
	c.executed, c.history = x.Sequence, x.History
	for i := range x.Outcomes {
		c.pool.executed(x.Outcomes[i].Leaf, done(&x.Outcomes[i]))
	}
	if in.Enrolled > 0 {
		c.pool.limits.ClientsSharing = uint64(in.Enrolled)
	}
	if len(x.Outcomes) > 0 && !c.mute() { // else whoever asks again is answered
		reply := Reply{Outcomes: x.Outcomes, Tree: x.Tree, Signature: c.signRoot(x.Root)}
		c.box.add(held{after: after, reply: &reply}, out)
	}
	if x.Window != nil {
		c.flushing++
		c.box.add(held{after: after, flush: x.Window}, out)
	}
	c.step(consensus.Executed{Sequence: x.Sequence}, out)
}

// done reports whether a request was executed, and not only ordered. Of one whose
// results are gone only the digest is left.
func done(o *statemachine.Outcome) bool {
	if len(o.Results) == 0 {
		return true
	}
	switch consensus.ResultClass(o.Results[0]) {
	case consensus.ResultUnauthorised, consensus.ResultNoSession, consensus.ResultOutOfWindow, consensus.ResultTaken:
		return false
	case consensus.ResultOK, consensus.ResultError, consensus.ResultPanic, consensus.ResultLimit, consensus.ResultGone:
	}
	return true
}

func (c *Core) signRoot(root crypto.Digest) crypto.Signature {
	return c.signer.Sign(consensus.ReceiptStatement(c.group, root))
}

// repeated takes in a retry that the client table can answer. Neither a replica that
// has forgotten what it said nor one that does not believe its state answers.
func (c *Core) repeated(in Repeated) {
	if c.repair.reason == "" && !c.recovering() {
		c.repeats.add(in.Outcome)
	}
}

// onFlushed makes a checkpoint out of a durable state (R50).
func (c *Core) onFlushed(in Flushed, out *Output) {
	c.flushing--
	if in.Marker == (statemachine.Marker{}) {
		return
	}
	c.moving.marker = in.Marker
	if c.repair.reason != "" {
		return // nothing is said of it (R51)
	}
	at := in.Marker.Version.Sequence()
	c.step(consensus.Flushed{Sequence: at, Chain: in.Marker.Chain}, out)
	c.snapshotDue(in.Marker, out)
}
