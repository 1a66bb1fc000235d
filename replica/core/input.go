package core

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
)

// An Input is something that happened to a replica.
//
//sumtype:decl
type Input interface{ isInput() }

// Received is a frame of another replica, decoded by a Decoder and verified.
type Received struct {
	From    consensus.ReplicaID
	Message crypto.Verified[consensus.Message]
}

// Admitted is a verified request that may be ordered: enrolled, in its session's
// window, and not executed (R31). Its message is a RequestMessage, from a client
// or passed on by a replica.
type Admitted struct {
	Request crypto.Verified[consensus.Message]
}

// Repeated is a request that was executed before; the client table still knows
// its outcome (R28).
type Repeated struct{ Outcome statemachine.Outcome }

// Rechecked answers Recheck: Stale lists the requests that execution would not
// take any more, so that nobody may be deposed for them (R31).
type Rechecked struct {
	Fresh []crypto.Digest
	Stale []crypto.Digest
}

// Persisted says that the log is durable through a position.
type Persisted struct{ Through consensus.Position }

// Executed is the answer to an Execute. Enrolled is the number of clients and
// operators after it, or 0 if it did not change. Without an Execution the state could
// not be read or was not believed, and Suspected came before (R51).
type Executed struct {
	Execution *statemachine.Execution
	Enrolled  int
}

// Flushed says that a window's changes and this marker are durable (R50). With a zero
// marker they are not, and Suspected came before (R51).
type Flushed struct{ Marker statemachine.Marker }

// Snapshotted says what the partition digests at a checkpoint add up to.
type Snapshotted struct{ Snapshot wire.Snapshot }

// Stored says that the last Store is durable. If it set a marker, the machine was
// loaded anew and stands there: Marker is the one in force, History the machine's,
// and Enrolled the number of its clients and operators.
type Stored struct {
	Result   transfer.Result
	Marker   statemachine.Marker
	History  crypto.Digest
	Enrolled int
}

// Served is the answer of the state server to a frame of state transfer.
type Served struct {
	To     consensus.ReplicaID
	Frames [][]byte
	Took   time.Duration // if it cost a scan that the next one like it costs again
}

// Suspected says that what is stored is not what was written (R51, R56, R121), in
// words for the operator. Ruined says that no repair in place helps
// (statemachine.ErrRuined).
type Suspected struct {
	Reason string
	Ruined bool
}

// Tick carries the replica's clock (R89).
type Tick struct{ Now time.Time }

func (Received) isInput()    {}
func (Admitted) isInput()    {}
func (Repeated) isInput()    {}
func (Rechecked) isInput()   {}
func (Persisted) isInput()   {}
func (Executed) isInput()    {}
func (Flushed) isInput()     {}
func (Snapshotted) isInput() {}
func (Stored) isInput()      {}
func (Served) isInput()      {}
func (Suspected) isInput()   {}
func (Tick) isInput()        {}
