package pbft

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// Config is what an Engine is made of. Durations of 0 and a depth of 0 take the
// defaults.
type Config struct {
	Group  *consensus.Group
	Self   consensus.ReplicaID
	Signer crypto.Signer // has the key of Group's member Self

	Timeout         time.Duration // T: longest wait for progress in a healthy view; 1 s
	TimeoutMax      time.Duration // where doubling ends; 32 T (R67)
	StatusInterval  time.Duration // Δ: how often this replica says what it lacks; 100 ms (R122)
	BatchesInFlight int           // own proposals not yet ordered; 16
}

func (c Config) withDefaults() Config {
	if c.Timeout <= 0 {
		c.Timeout = time.Second
	}
	if c.TimeoutMax < c.Timeout {
		c.TimeoutMax = 32 * c.Timeout
	}
	if c.StatusInterval <= 0 {
		c.StatusInterval = 100 * time.Millisecond
	}
	if c.BatchesInFlight <= 0 {
		c.BatchesInFlight = 16
	}
	return c
}

// An Engine orders batches with PBFT. Its zero value is of no use; New makes one.
// It is used by one goroutine.
type Engine struct {
	cfg    Config
	group  *consensus.Group
	self   consensus.ReplicaID
	domain crypto.Domain
	codec  *codec
	window consensus.Sequence // L
	every  consensus.Sequence // K

	started, halted bool
	persisted       consensus.Position

	view, changing consensus.ViewNumber
	newView        *NewView              // that opened view; nil in view 0
	newViewAt      consensus.Position    // its record
	carried        consensus.Sequence    // highest sequence that newView proposes
	changes        []*ViewChange         // by replica, the highest one above view (R70)
	changeAt       consensus.Position    // record of the own one
	fruitless      int                   // view changes since a request was executed (R67)
	later          [][]consensus.Message // by signer, for higher views (R44)

	slots    map[consensus.Sequence]*slot
	ordered  consensus.Sequence // highest one handed to Execute
	top      consensus.Sequence // highest one with a proposal or certificate
	proposed consensus.Sequence // highest one with a proposal in view

	checkpoints
	timers
	recovery recovery
	fills    fills
	accused  []*Evidence // by replica: the last proof against it
	askers   []asker     // by replica: when its STATUS was answered last
}

var _ consensus.Engine = (*Engine)(nil)

// New returns the engine of one replica, which knows nothing yet: it is given
// its log by Replay and then Started.
func New(cfg Config) *Engine {
	cfg = cfg.withDefaults()
	g := cfg.Group
	n := g.N
	return &Engine{
		cfg: cfg, group: g, self: cfg.Self, domain: g.Domain(), codec: newCodec(g),
		window:  consensus.Sequence(g.Genesis.Parameters.Window),
		every:   consensus.Sequence(g.Genesis.Parameters.CheckpointInterval),
		changes: make([]*ViewChange, n), later: make([][]consensus.Message, n),
		slots:       make(map[consensus.Sequence]*slot),
		checkpoints: newCheckpoints(n),
		timers:      newTimers(cfg),
		accused:     make([]*Evidence, n), askers: make([]asker, n),
		fills: fills{asks: make([]fillAsk, n)},
	}
}

// Step implements consensus.Engine.
func (e *Engine) Step(ev consensus.Event, out *consensus.Effects) {
	if e.halted {
		return
	}
	switch ev := ev.(type) {
	case consensus.Started:
		e.onStarted(ev, out)
	case consensus.Submitted:
		e.onSubmitted(ev.Batch, out)
	case consensus.Received:
		e.onReceived(ev, out)
	case consensus.Persisted:
		e.onPersisted(ev.Through, out)
	case consensus.Completed:
		e.onCompleted(ev.Batch, out)
	case consensus.Executed:
		e.onExecuted(ev.Sequence)
	case consensus.Flushed:
		e.onFlushed(ev.Sequence, ev.Chain, out)
	case consensus.Installed:
		e.onInstalled(ev, out)
	case consensus.Suspected:
		e.onSuspected()
	case consensus.Overdue:
		e.onOverdue(out)
	case consensus.Tick:
		e.onTick(ev.Now, out)
	}
	e.recovered(out)
	e.watchProgress()
}

func (e *Engine) onReceived(ev consensus.Received, out *consensus.Effects) {
	e.onMessage(ev.From, ev.Message.Value(), out)
}

func (e *Engine) onMessage(from consensus.ReplicaID, m consensus.Message, out *consensus.Effects) {
	switch m := m.(type) {
	case *PrePrepare:
		e.onPrePrepare(m, out)
	case *Vote:
		e.onVote(m, out)
	case *Checkpoint:
		e.onCheckpoint(m, out)
	case *CommitCertificate:
		e.onCommitCertificate(m, out)
	case *CheckpointCertificate:
		e.onCheckpointCertificate(m, out)
	case *ViewChange:
		e.onViewChange(m, out)
	case *NewView:
		e.onNewView(m, out)
	case *Status:
		e.onStatus(from, m, out)
	case *Evidence:
		e.onEvidence(m, out)
	case *Recall:
		e.onRecall(from, m, out)
	case *Recalled:
		e.onRecalled(from, m, out)
	}
}

// active reports whether the view is open and not being left (R45).
func (e *Engine) active() bool { return e.changing == e.view }

func (e *Engine) primary() consensus.ReplicaID { return e.group.Primary(e.view) }

// send hands a frame to everyone else once the log is durable through after.
func (e *Engine) send(frame []byte, after consensus.Position, out *consensus.Effects) {
	out.Send = append(out.Send, consensus.Outbound{To: consensus.Everyone, Class: consensus.ClassVote, Frame: frame, After: after})
}

// halt ends the replica. What the halting event has appended so far is kept in
// the log, but nothing of it is sent or executed.
func (e *Engine) halt(cause consensus.HaltCause, reason string, out *consensus.Effects) {
	if e.halted {
		return
	}
	e.halted = true
	out.Halt = append(out.Halt, consensus.Halt{Cause: cause, Reason: reason})
}

// assert stops a replica whose own code is wrong: a stopped replica is a fault
// that the group survives, a wrong one is a lie (R119). No message of another
// replica reaches a failing assertion.
func assert(ok bool, what string) {
	if !ok {
		panic("pbft: " + what)
	}
}
