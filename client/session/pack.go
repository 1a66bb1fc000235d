package session

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
)

// requestOverhead is the length of a request without operations, and
// operationOverhead what each adds to its own.
const (
	requestOverhead   = 1 + crypto.KeySize + 8 + 8 + 8 + 4 + crypto.SignatureSize
	operationOverhead = 4
)

// A queue holds operations in order of arrival. What was taken from the front is
// given back to the memory once it is half of it.
type queue struct {
	list []Operation
	head int
}

func (q *queue) len() int           { return len(q.list) - q.head }
func (q *queue) items() []Operation { return q.list[q.head:] }
func (q *queue) add(op Operation)   { q.list = append(q.list, op) }
func (q *queue) replace(ops []Operation) {
	q.list, q.head = ops, 0
}

func (q *queue) take(n int) []Operation {
	taken := append([]Operation(nil), q.list[q.head:q.head+n]...)
	clear(q.list[q.head : q.head+n])
	q.head += n
	if 2*q.head >= len(q.list) {
		kept := copy(q.list, q.list[q.head:])
		clear(q.list[kept:])
		q.list, q.head = q.list[:kept], 0
	}
	return taken
}

func (s *Session) submitted(ops []Operation, out *Effects) {
	p := &s.cfg.Group.Genesis.Parameters
	for _, op := range ops {
		switch {
		case requestOverhead+operationOverhead+uint64(len(op.Bytes)) > p.RequestBytesMax:
			out.Complete = append(out.Complete, Completion{Operation: op.ID, Fate: Oversized, Outcome: OutcomeNever})
		case s.count >= s.cfg.WaitingMax:
			out.Complete = append(out.Complete, Completion{Operation: op.ID, Fate: Full, Outcome: OutcomeNever})
		default:
			s.count++
			s.waiting.add(op)
			s.expect(op)
		}
	}
}

// pack signs what waits into requests as far as the group takes more. The first
// operation leaves at once; while others are under way, a request leaves when it
// carries at least a fair part of the load, so that signatures are shared by many
// operations under load and delay none without.
func (s *Session) pack(out *Effects) {
	for s.waiting.len() > 0 {
		if s.numbers == nil {
			s.open(out)
		}
		n := s.numbers
		if !n.open || !n.room(s.cfg.Group.Genesis.Parameters.SessionWindow) {
			return
		}
		if n.requests > 0 && (n.requests >= s.cfg.RequestsMax || s.waiting.len()*s.cfg.RequestsMax < n.operations) {
			return
		}
		s.send(s.waiting.take(s.fitting()), out)
	}
}

// fitting returns how many operations of one kind, from the front, fit into one
// request: at least one.
func (s *Session) fitting() int {
	p := &s.cfg.Group.Genesis.Parameters
	items := s.waiting.items()
	bytes, most := uint64(requestOverhead), int(p.RequestOperationsMax)
	for i := range items {
		bytes += operationOverhead + uint64(len(items[i].Bytes))
		if items[i].company > 0 {
			most = min(most, max(items[i].company, i))
		}
		if i > 0 && (bytes > p.RequestBytesMax || items[i].Kind != items[0].Kind || i >= most) {
			return i
		}
	}
	return len(items)
}

func (s *Session) send(ops []Operation, out *Effects) {
	n := s.numbers
	list := make([][]byte, len(ops))
	for i := range ops {
		list[i] = ops[i].Bytes
	}
	r := consensus.Request{Kind: ops[0].Kind, Session: n.session, Timestamp: n.next, Done: n.done, Operations: list}
	n.next++
	n.requests++
	n.operations += len(ops)
	s.launch(&request{numbers: n, operations: ops, live: len(ops)}, r, out)
}

// launch signs a request and sends it to every replica: any of them may be the
// one that lets it be ordered (R30).
func (s *Session) launch(r *request, content consensus.Request, out *Effects) {
	r.signed = consensus.SignRequest(content, s.cfg.Group.Domain(), s.cfg.Signer)
	r.frame = wire.RequestFrame(r.signed)
	r.voices = make([]voice, s.cfg.Group.N)
	r.sent, r.attempt, r.wait = s.now, 1, min(max(s.cfg.RetryMin, 4*s.roundTrip), s.cfg.RetryMax)
	r.retryAt = s.now.Add(r.wait)
	s.flight = append(s.flight, r)
	s.byDigest[r.signed.Digest()] = r
	out.Send = append(out.Send, Outbound{To: consensus.Everyone, Frame: r.frame})
}
