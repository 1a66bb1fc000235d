package client

import (
	"context"
	"sync"
	"time"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// framesMax is how many frames of replicas wait for the session; at the bound
// their connections push back.
const framesMax = 256

// A Client is one client of one group. All methods are safe for concurrent use.
type Client struct {
	group     *consensus.Group
	scheme    crypto.Scheme // remembers the roots that it checked
	timeout   time.Duration
	transport Transport
	closing   chan struct{}
	stopped   chan struct{} // closed when run has returned
	wake      chan struct{}
	frames    chan session.Received
	links     links
	queries   statusQueries
	slow      func() // nil: nobody wants to know
	slowAfter time.Duration

	mu    sync.Mutex
	inbox inbox

	// Used by run only.
	session *session.Session
	effects session.Effects
	pending map[session.OperationID]*call
	lastID  session.OperationID
}

// An inbox holds what callers want, until run takes it.
type inbox struct {
	closed    bool
	calls     []*call
	cancelled []*call
	connected []consensus.ReplicaID
}

// A call is some operations that one caller waits for. Its fields are run's from
// submit until done is closed, and the caller's after that.
type call struct {
	kind        consensus.RequestKind
	readOnly    bool
	operations  []session.Operation
	first       session.OperationID // of the first operation; the others follow
	completions []session.Completion
	left        int
	done        chan struct{}
	closed      bool // the client was closed under it
}

func newClient(g *consensus.Group, o *options, s *session.Session) *Client {
	return &Client{
		group: g, scheme: crypto.NewCache(o.scheme, receiptChecksMax), timeout: o.timeout, session: s,
		slow: o.slow, slowAfter: o.slowAfter,
		closing: make(chan struct{}), stopped: make(chan struct{}),
		wake: make(chan struct{}, 1), frames: make(chan session.Received, framesMax),
		links: newLinks(g), pending: map[session.OperationID]*call{},
	}
}

// Group returns the group that the client talks to.
func (c *Client) Group() *consensus.Group { return c.group }

// Close ends all calls with ErrClosed and all connections, and returns when no
// goroutine of the client is left.
func (c *Client) Close() {
	c.mu.Lock()
	first := !c.inbox.closed
	c.inbox.closed = true
	c.mu.Unlock()
	if first {
		close(c.closing)
	}
	<-c.stopped
}

// wait hands operations over and returns when all are completed. Once ctx is
// done that is at once; if it is done before, nothing is handed over.
func (c *Client) wait(ctx context.Context, kind consensus.RequestKind, ops [][]byte, how invocation) *call {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(c.timeout)
	}
	w := &call{
		kind: kind, readOnly: how.readOnly, operations: make([]session.Operation, len(ops)), completions: make([]session.Completion, len(ops)),
		left: len(ops), done: make(chan struct{}),
	}
	for i, op := range ops {
		w.operations[i] = session.Operation{Kind: kind, Bytes: op, Deadline: deadline, Receipt: how.receipt}
	}
	if ctx.Err() != nil {
		w.withdraw()
		return w
	}
	if !c.put(func(in *inbox) { in.calls = append(in.calls, w) }) {
		w.close()
		return w
	}
	if c.slow != nil {
		timer := time.NewTimer(c.slowAfter)
		defer timer.Stop()
		select {
		case <-w.done:
		case <-ctx.Done():
		case <-timer.C:
			c.slow()
		}
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		c.put(func(in *inbox) { in.cancelled = append(in.cancelled, w) })
		<-w.done
	}
	return w
}

// put changes the inbox and wakes run; false means that the client is closed.
func (c *Client) put(change func(*inbox)) bool {
	c.mu.Lock()
	if c.inbox.closed {
		c.mu.Unlock()
		return false
	}
	change(&c.inbox)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return true
}

// close ends a call that no session has seen.
func (w *call) close() {
	w.closed = true
	w.withdraw()
}

func (w *call) withdraw() {
	for i := range w.completions {
		w.completions[i] = session.Completion{Fate: session.Withdrawn, Outcome: session.OutcomeNever}
	}
	close(w.done)
}

// run is the only goroutine that touches the session.
func (c *Client) run() {
	defer close(c.stopped)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-c.closing:
			c.finish()
			return
		case <-c.wake:
		case <-timer.C:
		case f := <-c.frames:
			c.session.Step(session.Tick{Now: time.Now()}, &c.effects)
			c.received(f)
		}
		c.turn()
		if next := c.session.Next(); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

// received steps the session over a frame and those that wait behind it.
func (c *Client) received(f session.Received) {
	for range framesMax {
		c.session.Step(f, &c.effects)
		select {
		case f = <-c.frames:
		default:
			return
		}
	}
}

// turn takes the inbox and carries out what follows.
func (c *Client) turn() {
	c.mu.Lock()
	in := c.inbox
	c.inbox = inbox{closed: in.closed}
	c.mu.Unlock()
	c.session.Step(session.Tick{Now: time.Now()}, &c.effects)
	for _, id := range in.connected {
		c.session.Step(session.Connected{Replica: id}, &c.effects)
	}
	c.submit(in.calls)
	for _, w := range in.cancelled {
		c.cancel(w)
	}
	if len(c.pending) > 0 && c.links.turnedAway() {
		c.session.Step(session.Cancelled{All: true}, &c.effects)
	}
	c.carryOut()
}

// submit gives the operations of calls their names and to the session, all at
// once so that they are packed together.
func (c *Client) submit(calls []*call) {
	count := 0
	for _, w := range calls {
		count += len(w.operations)
	}
	if count == 0 {
		return
	}
	all := make([]session.Operation, 0, count)
	for _, w := range calls {
		w.first = c.lastID + 1
		for i := range w.operations {
			c.lastID++
			w.operations[i].ID = c.lastID
			c.pending[c.lastID] = w
		}
		all = append(all, w.operations...)
		w.operations = nil
	}
	c.session.Step(session.Submitted{Operations: all}, &c.effects)
}

func (c *Client) cancel(w *call) {
	var ids []session.OperationID
	for i := range w.completions {
		if id := w.first + session.OperationID(i); c.pending[id] == w {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		c.session.Step(session.Cancelled{Operations: ids}, &c.effects)
	}
}

func (c *Client) carryOut() {
	for _, o := range c.effects.Send {
		if o.To != consensus.Everyone {
			c.transport.Send(o.To, o.Frame)
			continue
		}
		for id := range c.group.N {
			c.transport.Send(consensus.ReplicaID(id), o.Frame)
		}
	}
	for _, id := range c.effects.Garbage {
		c.transport.CutOff(id)
	}
	for i := range c.effects.Complete {
		done := &c.effects.Complete[i]
		w := c.pending[done.Operation]
		delete(c.pending, done.Operation)
		w.completions[done.Operation-w.first] = *done
		if w.left--; w.left == 0 {
			close(w.done)
		}
	}
	c.effects.Reset()
}

// finish ends every call, and then the connections.
func (c *Client) finish() {
	c.mu.Lock()
	in := c.inbox
	c.inbox = inbox{closed: true}
	c.mu.Unlock()
	for _, w := range in.calls {
		w.close()
	}
	for _, w := range c.pending {
		w.closed = true
	}
	c.session.Step(session.Cancelled{All: true}, &c.effects)
	c.effects.Send = nil
	c.carryOut()
	c.transport.Close()
}
