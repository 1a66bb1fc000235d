package core

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
)

// An Output is what a replica has to do now. Fields are carried out in this
// order. The driver owns it and resets it after each Step.
type Output struct {
	// Halt ends the replica, but not before Alarm and Persist are durable: they hold
	// what keeps it from starting again (R52). Nothing else is carried out.
	Halt    []consensus.Halt
	Persist []consensus.Record
	Wanted  []Wanted             // before Send: an answer may come at once
	Send    []consensus.Outbound // After is satisfied
	Reply   []Reply
	Execute []consensus.Execute
	Flush   []*statemachine.Window
	Recheck []*consensus.Request
	Store   []transfer.Store // one at a time; the machine is reloaded after each that sets a marker
	Serve   []Serve
	Trim    []consensus.Position
	// Snapshot asks for the partition digests at a checkpoint whose state is
	// durable; Save says that they are certified: they are stored with the
	// certificate. Retire says that nobody needs states below a checkpoint any more
	// (R55).
	Snapshot []statemachine.Marker
	Save     []wire.SnapshotCertificate
	Retire   []consensus.Sequence
	// Alarm says why the own state is not believed any more: it is made durable and
	// shown to the operator until he clears it, also when Repaired gives the checkpoint
	// from which the state is in order again (R51).
	Alarm []string
	// GiveUp says that nothing certified can take the place of the own state, or that
	// no repair in place helps: the process ends, and starts again with Durable.Emptied.
	GiveUp   bool
	Repaired []consensus.Sequence
	Refuse   []Refusal
	Complain []transfer.Complaint // sources of state transfer that were turned away from
	Report   []consensus.Evidence
}

// A Reply releases the receipts of one executed batch, or of one repeated
// request, to the clients concerned.
type Reply struct {
	Outcomes  []statemachine.Outcome
	Tree      *crypto.MerkleTree // over the outcomes' leaves, in order
	Signature crypto.Signature   // over Tree.Root()
}

// A Refusal tells a client that the pool did not take its request (R33).
type Refusal struct {
	Request *consensus.Request
	Reason  wire.RefusalReason
}

// A Serve hands a request of state transfer to the server, which reads the store
// beside the core.
type Serve struct {
	From    consensus.ReplicaID
	Message consensus.Message
}

// Reset empties all lists and keeps their memory.
func (o *Output) Reset() {
	*o = Output{
		Halt: o.Halt[:0], Persist: o.Persist[:0], Wanted: o.Wanted[:0], Send: o.Send[:0], Reply: o.Reply[:0], Execute: o.Execute[:0],
		Flush: o.Flush[:0], Recheck: o.Recheck[:0], Store: o.Store[:0], Serve: o.Serve[:0], Trim: o.Trim[:0],
		Snapshot: o.Snapshot[:0], Save: o.Save[:0], Retire: o.Retire[:0],
		Alarm: o.Alarm[:0], Repaired: o.Repaired[:0], Refuse: o.Refuse[:0], Complain: o.Complain[:0], Report: o.Report[:0],
	}
}
