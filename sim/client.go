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
	session *session.Session
	effects session.Effects
	next    session.OperationID
	waiting map[session.OperationID]func(session.Completion)
	wake    time.Time

	Completed int // operations that came to an end
	Executed  int // of them, with a believed result
}

func newClient(w *World, index int, signer crypto.Signer) *Client {
	c := &Client{
		world: w, index: index, waiting: map[session.OperationID]func(session.Completion){},
		session: session.New(session.Config{Group: w.group, Scheme: w.cfg.Scheme, Signer: signer, Number: 1}),
	}
	c.step(session.Tick{Now: w.now})
	return c
}

// Invoke submits one operation. done, if not nil, is called with its end.
func (c *Client) Invoke(op []byte, done func(session.Completion)) {
	c.next++
	c.waiting[c.next] = done
	c.step(session.Tick{Now: c.world.now})
	c.step(session.Submitted{Operations: []session.Operation{{ID: c.next, Kind: consensus.KindOperations, Bytes: op}}})
}

func (c *Client) receive(from consensus.ReplicaID, frame []byte) {
	c.step(session.Tick{Now: c.world.now})
	c.step(session.Received{From: from, Frame: frame})
}

func (c *Client) step(ev session.Event) {
	c.session.Step(ev, &c.effects)
	e := c.effects
	c.effects = session.Effects{}
	for _, o := range e.Send {
		for i := range c.world.replicas {
			if o.To == consensus.Everyone || o.To == consensus.ReplicaID(i) {
				c.world.carry(party{client: true, index: c.index}, party{index: i}, o.Frame)
			}
		}
	}
	for _, done := range e.Complete {
		c.complete(done)
	}
	c.schedule()
}

func (c *Client) complete(done session.Completion) {
	f := c.waiting[done.Operation]
	delete(c.waiting, done.Operation)
	c.Completed++
	if done.Fate == session.Executed {
		c.Executed++
		c.world.checks.accepted(done)
	}
	if f != nil {
		f(done)
	}
}

// schedule sees to the tick that the session asks for.
func (c *Client) schedule() {
	at := c.session.Next()
	if at.IsZero() || (c.wake.After(c.world.now) && !at.Before(c.wake)) {
		return
	}
	c.wake = at
	c.world.after(max(at.Sub(c.world.now), 0), func() {
		if c.wake.Equal(at) {
			c.wake = time.Time{}
			c.step(session.Tick{Now: c.world.now})
		}
	})
}

func (w *World) clientOf(id consensus.ClientID) (int, bool) {
	for i, c := range w.group.Genesis.Clients {
		if c.Client == id {
			return i, true
		}
	}
	return 0, false
}
