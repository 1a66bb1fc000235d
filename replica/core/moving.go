package core

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
)

// moving is what state transfer needs of the core: it begins only when the
// executor and the flushes rest, and what the engine orders meanwhile is parked.
type moving struct {
	fetcher *transfer.Fetcher
	effects transfer.Effects
	target  *consensus.Checkpoint // certified, and ahead of the state here
	stable  consensus.Checkpoint  // low water mark with its certificate
	marker  statemachine.Marker   // durable state
	parked  []consensus.Execute   // bounded by the engine's window
	afters  []consensus.Position  // of the batches at the executor, in order
	suspect bool                  // the state is not believed (R51)
}

// active reports whether executions have to wait for a transfer.
func (m *moving) active() bool { return m.suspect || m.target != nil || m.fetcher.Active() }

// behind notes that peers certified a state which this replica cannot reach by
// executing (R54).
func (c *Core) behind(p consensus.Checkpoint) {
	if p.Sequence <= c.executed && !c.moving.suspect || (c.moving.target != nil && c.moving.target.Sequence >= p.Sequence) {
		return
	}
	c.moving.target = &p
}

// move begins a transfer once nothing else writes to the state, and carries on
// with what the fetcher asks for.
func (c *Core) move(out *Output) {
	m := &c.moving
	if m.suspect {
		c.repairOn(out)
		return
	}
	if m.target == nil || c.executing > 0 || c.flushing > 0 || c.halted {
		return
	}
	if m.target.Sequence <= c.executed { // executed after all, before it could begin
		m.target = nil
		c.unpark(out)
		return
	}
	if !m.fetcher.Active() || m.fetcher.Target() < m.target.Sequence {
		m.fetcher.Start(*m.target, m.marker, false, c.now, &m.effects)
		c.carryTransfer(out)
	}
}

// stateFrame takes an answer of state transfer, or passes a question on to the
// server.
func (c *Core) stateFrame(from consensus.ReplicaID, message consensus.Message, out *Output) {
	if transfer.Question(message) {
		if c.moving.suspect {
			return // the asker turns to another replica
		}
		if !c.serving.admit(from, c.now) {
			return
		}
		if at, ok := transfer.Asks(message); ok {
			c.leases.ask(at, c.snapshots.certified.Sequence, c.now)
		}
		out.Serve = append(out.Serve, Serve{From: from, Message: message})
		return
	}
	c.moving.fetcher.Receive(from, message, c.now, &c.moving.effects)
	c.carryTransfer(out)
}

// onStored goes on with the transfer after a durable write; the machine stands at
// the marker again.
func (c *Core) onStored(in Stored, out *Output) {
	moved := in.Marker.Version > c.moving.marker.Version
	if moved {
		c.moving.marker = in.Marker
		c.executed, c.history = in.Marker.Version.Sequence(), in.History
		c.pool.limits.ClientsSharing = uint64(max(in.Enrolled, 1))
	}
	c.moving.fetcher.Stored(in.Result, c.now, &c.moving.effects)
	c.carryTransfer(out)
	// On the way a snapshot would only hold the windows up: it costs a scan of the state,
	// and the group has certified it already.
	if moved && !c.moving.active() {
		c.snapshotDue(in.Marker, out)
	}
}

func (c *Core) carryTransfer(out *Output) {
	m := &c.moving
	e := m.effects
	m.effects = transfer.Effects{}
	for i := range e.Send {
		c.send(e.Send[i], out)
	}
	out.Store = append(out.Store, e.Store...)
	out.Complain = append(out.Complain, e.Complain...)
	if e.Done {
		c.installed(out)
	}
}

// tidy gives back what an earlier process had fetched, now that this replica stands
// where the group does.
func (c *Core) tidy(out *Output) {
	if !c.moving.active() {
		c.moving.fetcher.Tidy(&c.moving.effects)
		c.carryTransfer(out)
	}
}

// installed tells the engine, and executes what was ordered above the installed
// state meanwhile (R95).
func (c *Core) installed(out *Output) {
	m := &c.moving
	if m.suspect && !c.repaired(out) {
		return // move begins the repair
	}
	if m.target != nil && m.target.Sequence > c.executed {
		return // the target moved: move begins again from here (R96)
	}
	m.target = nil
	if s := m.fetcher.Snapshot(); s != nil && s.Sequence > c.snapshots.certified.Sequence {
		c.snapshots.certified = *s
	}
	c.step(consensus.Installed{Sequence: c.executed, Chain: m.marker.Chain}, out)
	c.unpark(out)
}

func (c *Core) unpark(out *Output) {
	parked := c.moving.parked
	c.moving.parked = nil
	for _, x := range parked {
		if x.Sequence > c.executed {
			c.execute(x, out)
		}
	}
}
