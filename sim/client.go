package sim

import (
	"time"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A Client is a production client session in a world.
type Client struct {
	world   *World
	index   int
	signer  crypto.Signer
	session *session.Session
	effects session.Effects
	next    session.OperationID
	waiting map[session.OperationID]func(session.Completion)
	wake    time.Time

	Completed int // operations that came to an end
	Executed  int // of them, with a believed result

	behaviour ClientBehaviour // nil for a correct client
}

func newClient(w *World, index int, signer crypto.Signer) *Client {
	c := &Client{
		world: w, index: index, signer: signer, waiting: map[session.OperationID]func(session.Completion){},
		session: session.New(session.Config{Group: w.group, Scheme: w.cfg.Scheme, Signer: signer, Number: 1}),
	}
	c.step(session.Tick{Now: c.now()})
	return c
}

func (c *Client) now() time.Time { return epoch.Add(c.world.now) }

// Idle reports whether no operation of the client is under way.
func (c *Client) Idle() bool { return c.session.Idle() }

// Invoke submits one operation. done, if not nil, is called with its end.
func (c *Client) Invoke(op []byte, done func(session.Completion)) {
	c.submit(session.Operation{Kind: consensus.KindOperations, Bytes: op}, done)
}

// Administer submits one operation on the table of clients, which only an
// operator's key may (R34). The first client is one.
func (c *Client) Administer(op []byte, done func(session.Completion)) {
	c.submit(session.Operation{Kind: consensus.KindAdmin, Bytes: op}, done)
}

func (c *Client) submit(op session.Operation, done func(session.Completion)) {
	c.next++
	op.ID = c.next
	c.waiting[c.next] = done
	c.step(session.Tick{Now: c.now()})
	c.step(session.Submitted{Operations: []session.Operation{op}})
}

func (c *Client) receive(from consensus.ReplicaID, frame []byte) {
	c.step(session.Tick{Now: c.now()})
	c.step(session.Received{From: from, Frame: frame})
}

func (c *Client) step(ev session.Event) {
	c.session.Step(ev, &c.effects)
	e := c.effects
	c.effects = session.Effects{}
	for _, o := range e.Send {
		c.send(o)
	}
	for _, from := range e.Garbage {
		if c.behaviour == nil && c.world.correct(from) {
			c.world.checks.fail("sound", "%s sent %s what no correct replica sends", replicaName(int(from)), clientName(c.index))
		}
	}
	for _, done := range e.Complete {
		c.complete(done)
	}
	c.schedule()
}

func (c *Client) send(o session.Outbound) {
	w := c.world
	if c.behaviour == nil {
		w.checks.submitted(o.Frame)
	}
	for i := range w.replicas {
		switch to := consensus.ReplicaID(i); {
		case o.To != consensus.Everyone && o.To != to:
		case c.behaviour == nil:
			w.carry(len(w.replicas)+c.index, i, o.Frame)
		default:
			said := c.behaviour.Say(to, o.Frame)
			w.noteWithheld(len(w.replicas)+c.index, i, o.Frame, said)
			for _, f := range said {
				w.noteAltered(len(w.replicas)+c.index, i, o.Frame, f)
				w.carry(len(w.replicas)+c.index, i, f)
			}
		}
	}
}

func (c *Client) complete(done session.Completion) {
	f := c.waiting[done.Operation]
	delete(c.waiting, done.Operation)
	c.Completed++
	c.world.coverage.completed(done)
	if done.Fate == session.Executed {
		c.Executed++
		if c.behaviour == nil {
			c.world.checks.accepted(c, done)
		}
	}
	if f != nil {
		f(done)
	}
	if c.world.cfg.Observe != nil {
		c.world.note(Event{Kind: EventDone, From: len(c.world.replicas) + c.index, Text: fateName(done.Fate)})
	}
}

func fateName(f session.Fate) string {
	return [...]string{"", "executed", "gone", "refused", "forgotten", "expired", "withdrawn", "full", "oversized"}[f]
}

// schedule sees to the tick that the session asks for.
func (c *Client) schedule() {
	at, now := c.session.Next(), c.now()
	if at.IsZero() || (c.wake.After(now) && !at.Before(c.wake)) {
		return
	}
	c.wake = at
	c.world.after(max(at.Sub(now), 0), func() {
		if c.wake.Equal(at) {
			c.wake = time.Time{}
			c.step(session.Tick{Now: c.now()})
		}
	})
}

// faultyTick is how often a faulty client may speak up by itself.
const faultyTick = 100 * time.Millisecond

func (c *Client) tickFaulty() {
	c.world.after(faultyTick, func() {
		c.behaviour.Tick()
		c.tickFaulty()
	})
}

func (w *World) clientOf(id consensus.ClientID) (int, bool) {
	i, ok := w.byClient[id]
	return i, ok
}
