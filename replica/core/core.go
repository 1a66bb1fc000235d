package core

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
)

// Config is what a Core is made of.
type Config struct {
	Group  *consensus.Group
	Self   consensus.ReplicaID
	Signer crypto.Signer
	Engine consensus.Engine
	Pool   PoolLimits
	Serve  ServeLimits
	// Nonce is fresh and random for each life of a replica. Answers to what this
	// life asks the others carry it, so that old ones are told from new (R91).
	Nonce consensus.Nonce
}

// A Core is one replica without its I/O. It is used by one goroutine.
type Core struct {
	group  *consensus.Group
	self   consensus.ReplicaID
	signer crypto.Signer
	engine consensus.Engine
	nonce  consensus.Nonce

	wall    time.Time // the replica's clock, for proposed times
	now     time.Time // moves all timers: by what the clock gained since the last Tick, jumps cut (R89)
	effects consensus.Effects
	events  []consensus.Event // to step once the present one is carried out
	pool    *pool
	fetch   *fetcher
	budget  *budget
	box     outbox
	view    consensus.ViewNumber
	halted  bool

	rests     consensus.Position // highest After of all batches handed over: later ones rest on earlier ones
	executed  consensus.Sequence
	history   crypto.Digest
	executing int // handed to the executor and not answered
	flushing  int // windows that are not durable yet
	snapshots snapshots
	moving    moving
	repair    repair
	serving   *serving
	repeats   repeats
	leases    leases
}

// New returns a core that has seen nothing yet.
func New(cfg Config) *Core {
	c := &Core{
		group: cfg.Group, self: cfg.Self, signer: cfg.Signer, engine: cfg.Engine, nonce: cfg.Nonce,
		pool: newPool(cfg.Pool), fetch: newFetcher(), budget: newBudget(cfg.Group.N),
	}
	c.snapshots.latest = make([]statements, cfg.Group.N)
	c.snapshots.answered = make([]time.Time, cfg.Group.N)
	c.serving = newServing(cfg.Group.N, cfg.Serve)
	c.repeats.forget()
	c.moving.fetcher = transfer.NewFetcher(cfg.Group, cfg.Self)
	return c
}

// Replay gives the core one record of its log, in order, before Start.
func (c *Core) Replay(r consensus.Record) error {
	c.effects.Next = r.Position + 1
	c.box.through = r.Position
	return c.engine.Replay(r)
}

// A Durable is what a replica finds on its disk beside the log.
type Durable struct {
	Marker   statemachine.Marker
	History  crypto.Digest            // of the machine at the marker
	Enrolled int                      // clients and operators in force at the marker
	Snapshot wire.SnapshotCertificate // newest that was saved; zero at genesis
	// Forgot says in words why this replica may have signed what its log does not
	// hold: the log was damaged, missing, or another's (R83). It is empty if the log
	// is whole. It is given again after a crash until consensus.Status.Remembered says
	// that the log itself knows of the recovery (R92).
	Forgot string
	// Suspect says in words why the state is not to be believed: an earlier life raised
	// an alarm and did not come to the end of the repair (R51). It is empty otherwise.
	Suspect string
	// Emptied says that the suspect state was set aside and that of genesis, which is
	// right, is in its place.
	Emptied bool
}

// Start ends the replay. The machine stands at the marker; what the log shows
// committed above it is executed again (R85).
func (c *Core) Start(d Durable, now time.Time, out *Output) {
	c.wall, c.now, c.pool.now = now, now, now
	c.executed, c.history = d.Marker.Version.Sequence(), d.History
	c.moving.marker = d.Marker
	c.pool.limits.ClientsSharing = uint64(max(d.Enrolled, 1))
	c.step(consensus.Tick{Now: now}, out)
	if d.Suspect != "" {
		c.repair, c.moving.suspect = repair{reason: d.Suspect, emptied: d.Emptied}, true
		c.step(consensus.Suspected{}, out)
	}
	c.step(consensus.Started{Executed: c.executed, Chain: d.Marker.Chain, Forgot: d.Forgot, Nonce: c.nonce}, out)
	c.snapshots.certified = d.Snapshot
	if d.Suspect == "" {
		c.snapshotDue(d.Marker, out)
	}
	c.settle(out)
}

// Step consumes one input, and appends to out what has to be done.
func (c *Core) Step(in Input, out *Output) {
	if c.halted {
		return
	}
	switch in := in.(type) {
	case Received:
		c.received(in, out)
	case Admitted:
		c.admitted(in, out)
	case Repeated:
		c.repeated(in)
	case Rechecked:
		c.rechecked(in)
	case Persisted:
		c.box.persisted(in.Through, out)
		c.step(consensus.Persisted{Through: in.Through}, out)
	case Executed:
		c.onExecuted(in, out)
	case Flushed:
		c.onFlushed(in, out)
	case Suspected:
		c.onSuspected(in, out)
	case Snapshotted:
		c.onSnapshotted(in.Snapshot, out)
	case Stored:
		c.onStored(in, out)
	case Served:
		if c.repair.reason != "" {
			in.Frames = nil // read before the state was suspected
		}
		c.serving.answered(in)
		c.serve(out)
	case Tick:
		c.tick(in, out)
	}
	c.settle(out)
}

// settle does what may follow from any input: propose what waits, note a new
// view, and begin a transfer when the executor rests.
func (c *Core) settle(out *Output) {
	if v := c.engine.Status().View; v != c.view {
		c.view = v
		c.pool.entered()
	}
	for c.engine.Room() > 0 && c.pool.proposable() && !c.halted {
		requests := c.pool.take(&c.group.Genesis.Parameters)
		if len(requests) == 0 {
			break
		}
		c.step(consensus.Submitted{Batch: consensus.NewBatch(consensus.Time(c.wall.UnixNano()), requests)}, out)
	}
	c.move(out)
}

// step gives the engine one event and carries out its effects, which may hold
// further events for it.
func (c *Core) step(ev consensus.Event, out *Output) {
	c.events = append(c.events, ev)
	if len(c.events) > 1 {
		return // an outer call is at work and takes it in turn
	}
	for i := 0; i < len(c.events) && !c.halted; i++ {
		c.engine.Step(c.events[i], &c.effects)
		c.carry(out)
	}
	clear(c.events)
	c.events = c.events[:0]
}

// carry turns the engine's effects into the replica's.
func (c *Core) carry(out *Output) {
	e := c.effects
	c.effects = consensus.Effects{Next: e.Next}
	out.Persist = append(out.Persist, e.Persist...)
	for i := range e.Halt {
		c.halted = true
		out.Halt = append(out.Halt, e.Halt[i])
	}
	for i := range e.Send {
		c.send(e.Send[i], out)
	}
	for _, x := range e.Execute {
		c.execute(x, out)
	}
	for _, w := range e.Fetch {
		c.want(w, out)
	}
	for _, p := range e.Stable {
		c.moving.stable = p
		c.certify(out)
	}
	for _, reason := range e.Diverged {
		c.suspect(reason, out)
	}
	out.Trim = append(out.Trim, e.Trim...)
	for _, p := range e.Behind {
		c.behind(p)
	}
	out.Report = append(out.Report, e.Report...)
	e.Reset()
	e.Next = c.effects.Next
	if len(c.effects.Persist)+len(c.effects.Send) == 0 {
		c.effects = e // keep the memory of the lists
	}
}

func (c *Core) send(o consensus.Outbound, out *Output) {
	c.box.add(held{after: o.After, send: &o}, out)
}

// tickMax is how far timers move in one Tick: more is a jump of the clock, or a
// process that was suspended (R89). A clock that is set back would else stop a
// state transfer for as long.
const tickMax = time.Second

func (c *Core) tick(in Tick, out *Output) {
	c.now = c.now.Add(min(max(in.Now.Sub(c.wall), 0), tickMax))
	c.wall, c.pool.now = in.Now, c.now
	c.budget.tick(c.now)
	c.step(consensus.Tick{Now: in.Now}, out)
	c.fetchTick(out)
	c.watch(out)
	c.answerRepeats(out)
	c.snapshotTick(out)
	c.serving.tick(c.now)
	c.serve(out)
	c.retire(out)
	c.moving.fetcher.Tick(c.now, &c.moving.effects)
	c.carryTransfer(out)
}

// received hands a verified frame of another replica to whom it concerns.
func (c *Core) received(in Received, out *Output) {
	if in.From == c.self || uint64(in.From) >= uint64(c.group.N) {
		return
	}
	switch m := in.Message.Value().(type) {
	case RequestsMessage:
		for _, r := range m.Requests {
			c.arrived(r, out)
		}
	case BatchMessage:
		c.batchArrived(m.Batch, out)
	case FetchBatchMessage:
		c.serveBatch(in.From, m.FetchBatch, out)
	case FetchRequestsMessage:
		c.serveRequests(in.From, m.FetchRequests, out)
	case wire.SignedSnapshot:
		c.snapshotSigned(in.From, m, out)
	default:
		t := m.Type()
		switch {
		case t >= wire.TypeStateFirst && t <= wire.TypeStateLast:
			c.stateFrame(in.From, m, out)
		case t >= consensus.TypeEngineFirst && t <= consensus.TypeEngineLast:
			c.step(consensus.Received{From: in.From, Message: in.Message}, out)
		}
	}
}

// admitted takes a request into the pool. A batch may wait for its body whether
// or not the pool has room.
func (c *Core) admitted(in Admitted, out *Output) {
	m, ok := in.Request.Value().(RequestMessage)
	if !ok {
		return
	}
	c.arrived(m.Request, out)
	if c.pool.admit(m.Request) == full {
		out.Refuse = append(out.Refuse, Refusal{Request: m.Request, Reason: wire.RefusedOverloaded})
	}
}
