package consensus

import (
	"errors"
	"time"

	"github.com/varangian-bft/varangian/crypto"
)

// An Engine orders batches of requests for one group. It is deterministic: one
// event in, effects out; the same events always give the same effects. It owns
// no goroutine, clock, random source, disk or socket, and is used by one
// goroutine.
type Engine interface {
	// Replay gives the engine one record that it persisted in an earlier life,
	// in order of position, before the first Step. An error means that the log
	// contradicts itself.
	Replay(Record) error

	// Step consumes one event and appends what follows from it.
	Step(ev Event, out *Effects)

	// Room returns how many batches the engine would propose right now; 0 unless
	// this replica is the active primary and has room between the water marks.
	Room() int

	// Batch returns a batch that the engine holds in full, to serve a fetch.
	Batch(digest crypto.Digest) (*Batch, bool)

	// Status says where the engine stands, and why nothing moves.
	Status() Status
}

// A Codec decodes the messages of one engine. It is stateless and safe for
// concurrent use by the verify pool.
type Codec interface {
	// Decode reads one frame that came from a replica, and returns the message
	// with every signature, nested ones included, that has to hold (R19). hint
	// lets it refuse before any signature is checked what cannot matter any
	// more (R17). The message keeps the bytes of the frame.
	Decode(frame []byte, hint Hint) (crypto.Unverified[Message], error)
}

// ErrStale is a Codec's answer to a well-formed message that cannot matter any
// more, or not yet: its sender did nothing wrong (R17).
var ErrStale = errors.New("consensus: a message outside the window or of a view gone by")

// A Hint is where an engine stood a moment ago: enough to refuse stale frames
// cheaply, never to accept one (R17).
type Hint struct {
	View ViewNumber
	Low  Sequence // low water mark
	High Sequence // high water mark
}

// A MessageType is the first byte of every frame and part of every signature's
// prefix (R8). Numbers are part of the wire format.
//
//	1        request of a client
//	2        receipt root of a replica
//	3        snapshot of a replica
//	16..63   messages of engines
//	64..127  unsigned frames between replicas (package wire)
//	128..    unsigned frames between clients and replicas (package wire)
type MessageType uint8

// Message types of this package.
const (
	TypeReceiptRoot MessageType = 2
	TypeSnapshot    MessageType = 3
	TypeEngineFirst MessageType = 16
	TypeEngineLast  MessageType = 63
)

// A Message is a decoded message of an engine.
type Message interface {
	Type() MessageType
}

// An Event is something that happened to an engine.
//
//sumtype:decl
type Event interface{ isEvent() }

// Started ends the replay: the state on disk is the one after Executed, whose
// checkpoint digest is Chain (the genesis chain for 0). Batches above it that
// the log shows committed are executed again (R85).
//
// Forgot says in words why the log may lack what this replica signed; it is empty
// for a log that is whole. The engine then recovers and signs nothing until it is
// safe (R92). With a Nonce, which no earlier life had, it asks the others what they
// hold of it before it signs anything, whatever its log says (R91); without one it
// takes the log's word.
type Started struct {
	Executed Sequence
	Chain    crypto.Digest
	Forgot   string
	Nonce    Nonce
}

// A Nonce tells the lives of a replica apart.
type Nonce [16]byte

// Submitted asks the engine, whose Room was above 0, to order one batch.
type Submitted struct{ Batch *Batch }

// Received is a message of another replica, or one's own come back, with all
// signatures verified. From is the replica whose channel it came over, which may
// pass on what others signed.
type Received struct {
	From    ReplicaID
	Message crypto.Verified[Message]
}

// Persisted says that the log is durable up to and including Through. It never
// falls.
type Persisted struct{ Through Position }

// Completed hands over a batch that a Want asked for, with every request's
// signature verified (R20).
type Completed struct{ Batch *Batch }

// Executed says that the executor has applied a batch.
type Executed struct{ Sequence Sequence }

// Flushed says that the state at a checkpoint is durable here, and what its
// digest is (R50).
type Flushed struct {
	Sequence Sequence
	Chain    crypto.Digest
}

// Installed says that state transfer made the state at a certified checkpoint
// durable here (R93). After Suspected it may be one that was executed before: what is
// ordered above it is executed again.
type Installed struct {
	Sequence Sequence
	Chain    crypto.Digest
}

// Suspected says that the state here may be wrong (R51): no Execute follows until
// Installed, which may lead back to a certified checkpoint that was executed before.
// It may come before Started.
type Suspected struct{}

// Overdue says that a valid waiting request was not ordered for longer than it
// may be (R30): the engine votes for a view change.
type Overdue struct{}

// Tick carries the replica's clock, which moves timers and is compared with
// proposed times, and has no other influence (R89).
type Tick struct{ Now time.Time }

func (Started) isEvent()   {}
func (Submitted) isEvent() {}
func (Received) isEvent()  {}
func (Persisted) isEvent() {}
func (Completed) isEvent() {}
func (Executed) isEvent()  {}
func (Flushed) isEvent()   {}
func (Installed) isEvent() {}
func (Suspected) isEvent() {}
func (Overdue) isEvent()   {}
func (Tick) isEvent()      {}

// Effects is what follows from an event. The caller owns it, hands it to Step,
// carries it all out, and calls Reset. Next is the position that the next record
// gets; only Append moves it.
type Effects struct {
	Next    Position
	Persist []Record
	Send    []Outbound
	Execute []Execute
	Fetch   []Want
	Stable  []Checkpoint // new low water marks, each with its certificate
	Trim    []Position   // records below may be forgotten (R86, R123)
	Behind  []Checkpoint // certified, but the state here is older: start state transfer (R54)
	// Diverged says in words how the state here differs from what was certified, or
	// signed here. The engine has stopped executing, as after Suspected (R51).
	Diverged []string
	Report   []Evidence
	Halt     []Halt
}

// Append adds a record to Persist and returns its position.
func (e *Effects) Append(kind RecordKind, data []byte) Position {
	if e.Next == 0 {
		e.Next = 1
	}
	p := e.Next
	e.Next++
	e.Persist = append(e.Persist, Record{Position: p, Kind: kind, Data: data})
	return p
}

// Reset empties all lists and keeps Next and the memory.
func (e *Effects) Reset() {
	*e = Effects{
		Next: e.Next, Persist: e.Persist[:0], Send: e.Send[:0], Execute: e.Execute[:0], Fetch: e.Fetch[:0],
		Stable: e.Stable[:0], Trim: e.Trim[:0], Behind: e.Behind[:0], Diverged: e.Diverged[:0], Report: e.Report[:0], Halt: e.Halt[:0],
	}
}

// A RecordKind tells an engine's records apart. Each engine numbers its own from
// 1; numbers from 128 are the replica core's.
type RecordKind uint8

// A Record is one entry of the durable log. Data is not changed after Append.
type Record struct {
	Position Position
	Kind     RecordKind
	Data     []byte
}

// A Class separates traffic so that none starves another (R102).
type Class uint8

// The classes, most urgent first.
const (
	ClassVote   Class = iota // view changes, votes and proposals
	ClassStatus              // status and retransmission
	ClassClient              // requests and receipts
	ClassFetch               // batches and bodies
	ClassState               // state transfer
	Classes                  // how many there are
)

// An Outbound is a frame for one replica, or for everyone else, that may leave
// once the log is durable through After (R6, R78). One that says what the own State is
// leaves no more when that is suspected meanwhile (R51).
type Outbound struct {
	To    ReplicaID
	Class Class
	Frame []byte
	After Position
	State bool
}

// An Execute hands a committed batch to the executor. Executes come in sequence
// order without gaps (R40); what execution causes to leave waits for After (R6).
type Execute struct {
	Sequence Sequence
	Batch    *Batch
	After    Position
}

// A Want names a batch that the engine needs and lacks in part. The core looks
// into the pool first and then asks other replicas, and answers with Completed
// (R22). It is repeated until answered or superseded, at least each second: the core
// forgets what is not.
type Want struct {
	Sequence Sequence
	Digest   crypto.Digest
	Content  *Content // nil if the content is lacking too
}

// A Checkpoint is a certified state: a quorum signed that the write-set chain
// has this value after Sequence (R50). Certificate is the engine's encoding of
// the proof, empty at genesis.
type Checkpoint struct {
	Sequence    Sequence
	Chain       crypto.Digest
	Certificate []byte
}

// Evidence is a pair of signed statements that no correct replica can have made
// both (R47). A and B are frames as received.
type Evidence struct {
	Against ReplicaID
	A, B    []byte
}

// A Halt ends the replica: more than f faults (R52), or votes of its own that it
// may have forgotten and nobody can give back (R7). Reason is one line for the
// operator.
type Halt struct {
	Cause  HaltCause
	Reason string
}

// A HaltCause decides the exit status of a replica.
type HaltCause uint8

// The causes.
const (
	CauseForgotten HaltCause = iota + 1 // own votes may be forgotten (R7), and there is no group to recover from
	CauseDiverged                       // own state differs from the certified one (R51)
	CauseFaults                         // more than f replicas lied (R52)
)

// Status is where an engine stands.
type Status struct {
	View       ViewNumber
	ChangingTo ViewNumber // above View while a view change is under way
	Primary    ReplicaID  // of the view that is active or being changed to
	Low, High  Sequence   // water marks
	Ordered    Sequence   // highest sequence handed to Execute
	Proposed   Sequence   // highest sequence with an accepted pre-prepare
	Timeout    time.Duration
	Waiting    string // why nothing moves, in words; empty when nothing waits

	// Mute reports that this replica must sign nothing at present: it recovers, or has
	// just started and waits for the others to say what they hold of it (R91).
	Mute bool
	// Recovering says why a replica that may have forgotten votes signs nothing, and
	// what has to come before it does again; empty if it does not recover (R92).
	// Remembered reports that the log says so, too: Started need not be told again
	// after a crash.
	Recovering string
	Remembered bool
	VotesFrom  ViewNumber // after recovery: no vote in views below (R92)
}
