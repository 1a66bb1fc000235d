package core

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// PoolLimits bound what clients can make a replica hold.
type PoolLimits struct {
	BytesMax         uint64 // sum of the requests' encodings
	ClientBytesMin   uint64 // no client's share falls below it
	ClientsSharing   uint64 // enrolled clients that share BytesMax
	RecentCountMax   int    // executed requests remembered, so that a late copy is not ordered again
	ClientRequestMax int    // requests waiting per client
}

// DefaultPoolLimits fit the limits of a group.
func DefaultPoolLimits(p consensus.Parameters) PoolLimits {
	return PoolLimits{
		BytesMax:         256 << 20,
		ClientBytesMin:   4 * p.RequestBytesMax,
		ClientsSharing:   1,
		RecentCountMax:   1 << 14,
		ClientRequestMax: int(p.SessionWindow),
	}
}

// A requestKey is what makes a request unique (R11).
type requestKey struct {
	client    consensus.ClientID
	session   consensus.SessionNumber
	timestamp consensus.Timestamp
}

func keyOf(r *consensus.Request) requestKey {
	return requestKey{r.Client, r.Session, r.Timestamp}
}

// An entry is a request that waits to be executed.
type entry struct {
	request    *consensus.Request
	arrived    time.Time
	proposed   bool   // by this replica, in the present view
	forwards   int    // how often it was forwarded in the present view
	confirmed  bool   // Machine.Fresh took it again after half its time (R31)
	prev, next *entry // in order of arrival
}

// A line is one client's requests that wait to be proposed, oldest first.
type line struct {
	client  consensus.ClientID
	entries []*entry
	bytes   uint64 // of all its requests in the pool, proposed ones too
	count   int
	queued  bool // stands in pool.turn
}

// The pool holds admitted requests until they are executed, one for each (client,
// session, timestamp) (R11, R25). Clients take turns when a batch is filled, so
// that one client's load leaves the others their share (R33).
type pool struct {
	limits      PoolLimits
	now         time.Time
	viewEntered time.Time
	byKey       map[requestKey]*entry
	byDigest    map[crypto.Digest]*entry
	lines       map[consensus.ClientID]*line
	turn        []*line // clients with something to propose, in turn
	first, last *entry
	bytes       uint64
	recent      map[crypto.Digest]struct{}
	recentRing  []crypto.Digest
	recentNext  int
	delay       time.Duration // mean time from arrival to execution
}

func newPool(l PoolLimits) *pool {
	return &pool{
		limits: l, byKey: map[requestKey]*entry{}, byDigest: map[crypto.Digest]*entry{},
		lines: map[consensus.ClientID]*line{}, recent: map[crypto.Digest]struct{}{},
	}
}

// share is what one client may hold: an equal part of the pool, so that a
// request within its quota is never refused by a correct primary (R30).
func (p *pool) share() uint64 {
	return max(p.limits.BytesMax/max(p.limits.ClientsSharing, 1), p.limits.ClientBytesMin)
}

// An admission is the pool's answer to a request.
type admission uint8

const (
	admitted admission = iota + 1
	known              // this very request waits, or was executed a moment ago
	taken              // another request with its timestamp waits (R25)
	full               // over the client's share (R33)
)

func (p *pool) admit(r *consensus.Request) admission {
	if _, ok := p.recent[r.Digest()]; ok {
		return known
	}
	if e, ok := p.byKey[keyOf(r)]; ok {
		if e.request.Digest() == r.Digest() {
			return known
		}
		return taken
	}
	l := p.lines[r.Client]
	size := uint64(len(r.Encoding()))
	if l != nil && (l.bytes+size > p.share() || l.count >= p.limits.ClientRequestMax) {
		return full
	}
	if l == nil {
		l = &line{client: r.Client}
		p.lines[r.Client] = l
	}
	e := &entry{request: r, arrived: p.now, prev: p.last}
	if p.last != nil {
		p.last.next = e
	} else {
		p.first = e
	}
	p.last = e
	p.byKey[keyOf(r)], p.byDigest[r.Digest()] = e, e
	p.bytes += size
	l.bytes += size
	l.count++
	p.enqueue(l, e)
	return admitted
}

func (p *pool) enqueue(l *line, e *entry) {
	if len(l.entries) > 2*l.count+lineSpare {
		l.compact()
	}
	l.entries = append(l.entries, e)
	if !l.queued {
		l.queued = true
		p.turn = append(p.turn, l)
	}
}

// lineSpare is how many executed entries a line may hold beside as many as wait.
const lineSpare = 32

// compact drops entries that were executed: a backup never pops them (R101).
func (l *line) compact() {
	kept := l.entries[:0]
	for _, e := range l.entries {
		if e.request != nil && !e.proposed {
			kept = append(kept, e)
		}
	}
	clear(l.entries[len(kept):])
	l.entries = kept
}

// take removes the next requests to propose from their lines, one client after
// the other, as many as fit into a batch.
func (p *pool) take(g *consensus.Parameters) []*consensus.Request {
	var batch []*consensus.Request
	bytes := uint64(0)
	for len(p.turn) > 0 && uint64(len(batch)) < g.BatchRequestsMax {
		l := p.turn[0]
		e, ok := l.pop()
		if !ok {
			p.leave(l)
			continue
		}
		size := uint64(len(e.request.Encoding()))
		if bytes+size > g.BatchBytesMax {
			l.entries = append([]*entry{e}, l.entries...)
			return batch
		}
		e.proposed = true
		bytes += size
		batch = append(batch, e.request)
		p.turn = append(p.turn[1:], l)
	}
	return batch
}

// pop returns the client's oldest request that still waits for a proposal.
func (l *line) pop() (*entry, bool) {
	for len(l.entries) > 0 {
		e := l.entries[0]
		l.entries = l.entries[1:]
		if e.request != nil && !e.proposed {
			return e, true
		}
	}
	return nil, false
}

// proposable reports whether the pool has something that a primary could propose.
func (p *pool) proposable() bool {
	for len(p.turn) > 0 {
		l := p.turn[0]
		for len(l.entries) > 0 && (l.entries[0].request == nil || l.entries[0].proposed) {
			l.entries = l.entries[1:]
		}
		if len(l.entries) > 0 {
			return true
		}
		p.leave(l)
	}
	return false
}

// leave takes the client at the front out of the turn.
func (p *pool) leave(l *line) {
	p.turn, l.queued = p.turn[1:], false
	if l.count == 0 {
		delete(p.lines, l.client)
	}
}

// executed forgets the request that was executed under a key, and remembers its
// digest for a while, since a copy may still be on its way (R31). One that was
// ordered and not done, because its client was removed for instance, may come again
// with the same bytes, and is then worth ordering if the client table says so.
func (p *pool) executed(l consensus.Leaf, done bool) {
	if e, ok := p.byKey[requestKey{l.Client, l.Session, l.Timestamp}]; ok {
		p.delay += (p.now.Sub(e.arrived) - p.delay) / 64
		p.remove(e)
	}
	if done {
		p.remember(l.Request)
	}
}

func (p *pool) remember(d crypto.Digest) {
	if _, ok := p.recent[d]; ok {
		return
	}
	p.recent[d] = struct{}{}
	if len(p.recentRing) < p.limits.RecentCountMax {
		p.recentRing = append(p.recentRing, d)
		return
	}
	delete(p.recent, p.recentRing[p.recentNext])
	p.recentRing[p.recentNext] = d
	p.recentNext = (p.recentNext + 1) % len(p.recentRing)
}

func (p *pool) remove(e *entry) {
	size := uint64(len(e.request.Encoding()))
	l := p.lines[e.request.Client]
	l.bytes -= size
	l.count--
	p.bytes -= size
	delete(p.byKey, keyOf(e.request))
	delete(p.byDigest, e.request.Digest())
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		p.first = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		p.last = e.prev
	}
	e.request, e.prev, e.next = nil, nil, nil
	if l.count == 0 && !l.queued {
		delete(p.lines, l.client)
	}
}

// entered starts a new view: every request waits anew, also those that were in
// proposals of the view before, which may have been lost; what is executed twice
// is executed once (R23).
func (p *pool) entered() {
	p.viewEntered = p.now
	for e := p.first; e != nil; e = e.next {
		e.forwards, e.confirmed = 0, false
		if e.proposed {
			e.proposed = false
			p.enqueue(p.lines[e.request.Client], e)
		}
	}
}

// age is how long a request waits in the present view.
func (p *pool) age(e *entry) time.Duration {
	since := e.arrived
	if p.viewEntered.After(since) {
		since = p.viewEntered
	}
	return p.now.Sub(since)
}

// body returns the body of a waiting request.
func (p *pool) body(d crypto.Digest) (*consensus.Request, bool) {
	e, ok := p.byDigest[d]
	if !ok {
		return nil, false
	}
	return e.request, true
}
