package core

import (
	"slices"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
)

const (
	// fetchDelay is how long a body is waited for before anyone is asked: clients
	// send to all replicas, so it is usually on its way.
	fetchDelay = 15 * time.Millisecond
	// fetchTimeout is when the next replica is asked (R22).
	fetchTimeout = 100 * time.Millisecond
	// wantsPerWindow bounds the wants by the engine's window: a sequence number
	// can have one in each of a few views.
	wantsPerWindow = 2
	// wantForget is when a want ends that the engine does not repeat: it has no use for
	// it, since the view changed for instance.
	wantForget = time.Second
	// questionBytesPerTick bounds the questions: a primary that lies may propose bodies
	// that nobody has by the million, and honest fetches go the same way (R102).
	questionBytesPerTick = 1 << 20
	// questionCost is what a question takes of its asker's budget at least: looking up
	// costs, too.
	questionCost = 32 << 10
)

// A want is a batch that the engine asked for and that is not whole yet.
type want struct {
	consensus.Want
	missing map[crypto.Digest]struct{}
	bodies  map[crypto.Digest]*consensus.Request // fetched
	ask     time.Time                            // when to ask the next replica
	next    consensus.ReplicaID                  // whom
	asked   bool                                 // somebody was
	wanted  time.Time                            // when the engine asked for it last
}

// The fetcher completes batches from the pool and from other replicas (R22). It
// never blocks the core: each answer, good or bad, only moves one want.
type fetcher struct {
	wants   map[crypto.Digest]*want
	order   []*want // by arrival, for a deterministic tick
	missing map[crypto.Digest][]*want
	claims  map[crypto.Digest]int // what was asked for and lacks still, and for how many wants
}

func newFetcher() *fetcher {
	return &fetcher{wants: map[crypto.Digest]*want{}, missing: map[crypto.Digest][]*want{}, claims: map[crypto.Digest]int{}}
}

// A Wanted says that this replica asks the others for a batch or body from now on, or
// that it does so no more. Whoever decodes their answers keeps the set of what is
// asked for (see Decoder.Wanted).
type Wanted struct {
	Digest crypto.Digest
	Asked  bool
}

// Note brings the set of what is asked for up to date.
func (w Wanted) Note(asked map[crypto.Digest]struct{}) {
	if w.Asked {
		asked[w.Digest] = struct{}{}
	} else {
		delete(asked, w.Digest)
	}
}

func (f *fetcher) claim(d crypto.Digest, out *Output) {
	if f.claims[d]++; f.claims[d] == 1 {
		out.Wanted = append(out.Wanted, Wanted{Digest: d, Asked: true})
	}
}

func (f *fetcher) release(d crypto.Digest, out *Output) {
	if f.claims[d]--; f.claims[d] == 0 {
		delete(f.claims, d)
		out.Wanted = append(out.Wanted, Wanted{Digest: d})
	}
}

// ask claims what a want lacks, before the question leaves: an answer must find its
// claim.
func (f *fetcher) ask(w *want, out *Output) {
	if w.asked {
		return
	}
	w.asked = true
	f.claim(w.Digest, out)
	for _, d := range w.lacking() {
		f.claim(d, out)
	}
}

// lacking lists the missing bodies, in order.
func (w *want) lacking() (out []crypto.Digest) {
	if w.Content == nil {
		return nil
	}
	for _, d := range w.Content.Requests {
		if _, ok := w.missing[d]; ok {
			out = append(out, d)
		}
	}
	return out
}

// want starts to complete a batch. If the pool holds all of it the engine gets
// it at once.
func (c *Core) want(w consensus.Want, out *Output) {
	f := c.fetch
	old, ok := f.wants[w.Digest]
	if ok && (old.Content != nil || w.Content == nil) {
		old.Sequence, old.wanted = max(old.Sequence, w.Sequence), c.now
		return
	}
	if ok {
		f.drop(old, out)
	}
	if len(f.order) >= wantsPerWindow*int(c.group.Genesis.Parameters.Window) {
		f.drop(f.order[0], out) // the engine repeats what it still needs
	}
	n := &want{Want: w, wanted: c.now, ask: c.now.Add(fetchDelay), next: c.engine.Status().Primary}
	if w.Content == nil {
		n.ask = c.now
	} else if c.resolve(n); len(n.missing) == 0 {
		c.complete(n, out)
		return
	}
	f.wants[w.Digest] = n
	f.order = append(f.order, n)
	for d := range n.missing { // order-free: each key is indexed on its own
		f.missing[d] = append(f.missing[d], n)
	}
	if ok && old.asked {
		f.ask(n, out) // the answer may be on its way
	}
}

// resolve finds out which bodies of a want are lacking.
func (c *Core) resolve(w *want) {
	w.missing, w.bodies = map[crypto.Digest]struct{}{}, map[crypto.Digest]*consensus.Request{}
	for _, d := range w.Content.Requests {
		if r, ok := c.pool.body(d); ok {
			w.bodies[d] = r
		} else {
			w.missing[d] = struct{}{}
		}
	}
}

// complete hands a whole batch to the engine, unless it is larger than a batch
// may be: a reason that every replica sees alike (R24).
func (c *Core) complete(w *want, out *Output) {
	b := &consensus.Batch{Digest: w.Digest, Content: *w.Content, Requests: make([]*consensus.Request, len(w.Content.Requests))}
	for i, d := range w.Content.Requests {
		b.Requests[i] = w.bodies[d]
	}
	if b.Bytes() > c.group.Genesis.Parameters.BatchBytesMax {
		return
	}
	c.step(consensus.Completed{Batch: b}, out)
}

// arrived gives a verified request to every want that lacks it.
func (c *Core) arrived(r *consensus.Request, out *Output) {
	waiting := c.fetch.missing[r.Digest()]
	if waiting == nil {
		return
	}
	delete(c.fetch.missing, r.Digest())
	for _, w := range waiting {
		delete(w.missing, r.Digest())
		w.bodies[r.Digest()] = r
		if w.asked {
			c.fetch.release(r.Digest(), out)
		}
		if len(w.missing) == 0 {
			c.fetch.drop(w, out)
			c.complete(w, out)
		}
	}
}

// batchArrived takes a whole batch that somebody sent, if it is wanted: the
// digest decides, not the sender.
func (c *Core) batchArrived(b *consensus.Batch, out *Output) {
	w, ok := c.fetch.wants[b.Digest]
	if !ok {
		return
	}
	c.fetch.drop(w, out)
	c.step(consensus.Completed{Batch: b}, out)
}

func (f *fetcher) drop(w *want, out *Output) {
	delete(f.wants, w.Digest)
	if w.asked {
		f.release(w.Digest, out)
		for _, d := range w.lacking() {
			f.release(d, out)
		}
	}
	for i, o := range f.order {
		if o == w {
			f.order = append(f.order[:i], f.order[i+1:]...)
			break
		}
	}
	for d := range w.missing { // order-free: each key is unindexed on its own
		left := f.missing[d][:0]
		for _, o := range f.missing[d] {
			if o != w {
				left = append(left, o)
			}
		}
		if len(left) == 0 {
			delete(f.missing, d)
		} else {
			f.missing[d] = left
		}
	}
}

// fetchTick asks the next replica for what is still lacking, what waits for longest
// first, and forgets what the window has passed or the engine has no use for.
func (c *Core) fetchTick(out *Output) {
	status := c.engine.Status()
	low := min(status.Low, status.Ordered) // below the mark, a lag is closed by proofs and bodies
	var due []*want
	for i := 0; i < len(c.fetch.order); {
		w := c.fetch.order[i]
		if w.Sequence <= low || c.now.Sub(w.wanted) > wantForget {
			c.fetch.drop(w, out)
			continue
		}
		i++
		if !c.now.Before(w.ask) {
			due = append(due, w)
		}
	}
	slices.SortStableFunc(due, func(a, b *want) int { return a.ask.Compare(b.ask) })
	bytes := 0
	for _, w := range due {
		if bytes >= questionBytesPerTick {
			return
		}
		to := w.next
		if to == c.self {
			to = (to + 1) % consensus.ReplicaID(c.group.N)
		}
		w.next = (to + 1) % consensus.ReplicaID(c.group.N)
		w.ask = c.now.Add(fetchTimeout)
		if to == c.self {
			continue // a group of one has nobody to ask
		}
		c.fetch.ask(w, out)
		frame := w.question()
		bytes += len(frame)
		c.send(consensus.Outbound{To: to, Class: consensus.ClassFetch, Frame: frame}, out)
	}
}

func (w *want) question() []byte {
	if w.Content == nil {
		return wire.FetchBatch{Digest: w.Digest}.Marshal()
	}
	return wire.FetchRequests{Batch: w.Digest, Requests: w.lacking()}.Marshal()
}

// serveBatch answers a fetch of a whole batch, within the asker's budget (R105).
func (c *Core) serveBatch(from consensus.ReplicaID, m wire.FetchBatch, out *Output) {
	if !c.budget.spend(from, questionCost) {
		return
	}
	b, ok := c.engine.Batch(m.Digest)
	if !ok || !c.budget.spend(from, b.Bytes()-min(b.Bytes(), questionCost)) {
		return
	}
	c.send(consensus.Outbound{To: from, Class: consensus.ClassFetch, Frame: wire.BatchFrame(b)}, out)
}

// serveRequests answers a fetch of bodies from the pool or from the batch that
// orders them.
func (c *Core) serveRequests(from consensus.ReplicaID, m wire.FetchRequests, out *Output) {
	if !c.budget.spend(from, questionCost) {
		return
	}
	held := make(map[crypto.Digest]*consensus.Request, len(m.Requests))
	for _, d := range m.Requests {
		held[d] = nil
	}
	if b, ok := c.engine.Batch(m.Batch); ok {
		for i, d := range b.Content.Requests {
			if _, asked := held[d]; asked {
				held[d] = b.Requests[i]
			}
		}
	}
	var found []*consensus.Request
	total := uint64(0)
	for _, d := range m.Requests {
		r := held[d]
		ok := r != nil
		if !ok {
			r, ok = c.pool.body(d)
		}
		if ok && total+uint64(len(r.Encoding())) <= c.group.Genesis.Parameters.BatchBytesMax {
			total += uint64(len(r.Encoding()))
			found = append(found, r)
		}
	}
	if len(found) == 0 || !c.budget.spend(from, total-min(total, questionCost)) {
		return
	}
	c.send(consensus.Outbound{To: from, Class: consensus.ClassFetch, Frame: wire.RequestsFrame(found)}, out)
}
