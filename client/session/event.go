package session

import (
	"math/bits"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
)

// An OperationID is the caller's name for an operation.
type OperationID uint64

// An Operation waits for a request to carry it.
type Operation struct {
	ID       OperationID
	Kind     consensus.RequestKind // KindOperations or KindAdmin
	Bytes    []byte                // not changed until the operation is completed
	Deadline time.Time             // when the caller gives up; zero for never
	Receipt  bool                  // check the signatures of f+1 roots before the result is believed

	tries   int  // requests that carried it in vain
	company int  // most operations in a request with it; 0 for no bound
	over    bool // completed or sent anew, although its request goes on
}

// An Event is something that happened to a session.
//
//sumtype:decl
type Event interface{ isEvent() }

// Submitted hands over operations to be executed, each once, in any order.
type Submitted struct{ Operations []Operation }

// Cancelled says that nobody waits for these operations any more. They may be
// executed nevertheless.
type Cancelled struct {
	Operations []OperationID
	All        bool // every one
}

// Received is a frame that came over the authenticated channel of a replica.
type Received struct {
	From  consensus.ReplicaID
	Frame []byte
}

// Connected says that a replica can be reached anew: what it may have missed is
// sent again.
type Connected struct{ Replica consensus.ReplicaID }

// Tick carries the time. It moves deadlines and repetitions only.
type Tick struct{ Now time.Time }

func (Submitted) isEvent() {}
func (Cancelled) isEvent() {}
func (Received) isEvent()  {}
func (Connected) isEvent() {}
func (Tick) isEvent()      {}

// Effects is what follows from an event. The caller owns it, carries it all out,
// and calls Reset.
type Effects struct {
	Send     []Outbound
	Complete []Completion
	Garbage  []consensus.ReplicaID // sent what no correct replica sends; cut it off for a while
}

// Reset empties all lists and keeps the memory.
func (e *Effects) Reset() {
	clear(e.Complete) // results keep whole frames alive
	clear(e.Send)
	*e = Effects{Send: e.Send[:0], Complete: e.Complete[:0], Garbage: e.Garbage[:0]}
}

// An Outbound is a frame for one replica, or consensus.Everyone. It may be lost.
type Outbound struct {
	To    consensus.ReplicaID
	Frame []byte
}

// A Fate says why an operation was completed.
type Fate uint8

// The fates.
const (
	Executed  Fate = iota + 1 // Result and Proof hold
	Gone                      // executed, but no replica kept the result (R28); Proof holds
	Refused                   // f+1 replicas say that the group does not take it; see Reason
	Forgotten                 // the group forgot the session under it (R26)
	Expired                   // its deadline passed
	Withdrawn                 // Cancelled
	Full                      // as many operations wait as may
	Oversized                 // it fits into no request of this group
)

// An Outcome says whether an operation took effect.
type Outcome uint8

// The outcomes.
const (
	OutcomeNever Outcome = iota + 1 // it changed nothing and never will
	OutcomeMaybe                    // it may have been executed, or still be
	OutcomeYes                      // it was executed, once
)

// A Completion ends an operation. Each submitted operation gets exactly one.
type Completion struct {
	Operation OperationID
	Fate      Fate
	Outcome   Outcome
	Result    consensus.Result   // if Executed; Value is a slice of a frame
	Proof     *Proof             // if Executed or Gone; shared by a request's operations
	Reason    wire.RefusalReason // if Refused, or what f+1 replicas last said if Expired; else 0
	Heard     Heard
}

// A Proof is what a result rests on: f+1 replicas or more that agree on one leaf.
// The signatures of the roots were checked only if the operation asked for a
// receipt.
type Proof struct {
	Leaf  consensus.Leaf
	Roots []consensus.SignedRoot
}

// Heard says which replicas answered the request that an operation was in.
type Heard struct {
	Answered Replicas // with a result
	Refused  Replicas
}

// Replicas is a set of replica ids below consensus.ReplicasMax.
type Replicas uint64

// Has reports whether a replica is in the set.
func (r Replicas) Has(id consensus.ReplicaID) bool {
	return id < consensus.ReplicasMax && r>>id&1 == 1
}

// Count returns how many replicas are in the set.
func (r Replicas) Count() int { return bits.OnesCount64(uint64(r)) }
