package session

import (
	"slices"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
)

// A request is one that was signed and sent, and that somebody waits for. One
// without operations opens a session.
type request struct {
	signed     *consensus.Request
	frame      []byte
	numbers    *numbering
	operations []Operation
	live       int // operations that are not over
	voices     []voice

	sent    time.Time
	attempt int // times sent to all that had not answered, from 1
	wait    time.Duration
	retryAt time.Time
	said    wire.RefusalReason // what f+1 replicas last said alike, or 0
	bare    bool               // f+1 agree, and none of them has the results
}

// A voice is what one replica last said to a request.
type voice struct {
	leaf    consensus.Leaf
	root    *root // nil until it answered with a result
	path    crypto.Path
	results []byte             // nil if the replica has only their digest
	refusal wire.RefusalReason // 0 if it did not refuse since the last attempt
	anew    bool               // it answered, and was asked once more: a refusal replaces the answer
}

// A root is what a replica signed once for all requests of a batch.
type root struct {
	value     crypto.Digest
	signature crypto.Signature
	checked   bool
	valid     bool // if checked
}

func (r *request) opens() bool { return r.signed.Kind == consensus.KindOpenSession }

func (r *request) receipt() bool {
	return slices.ContainsFunc(r.operations, func(op Operation) bool { return op.Receipt && !op.over })
}

func (r *request) heard() (h Heard) {
	for i := range r.voices {
		switch v := &r.voices[i]; {
		case v.root != nil:
			h.Answered |= 1 << i
		case v.refusal != 0:
			h.Refused |= 1 << i
		}
	}
	return h
}

// complete ends one operation of a request, unless it ended before.
func (s *Session) complete(r *request, i int, c Completion, out *Effects) {
	op := &r.operations[i]
	if op.over {
		return
	}
	op.over = true
	op.Bytes = nil
	r.live--
	s.count--
	c.Operation, c.Heard = op.ID, r.heard()
	out.Complete = append(out.Complete, c)
}

// completeAll ends all operations of a request alike, and the request.
func (s *Session) completeAll(r *request, c Completion, out *Effects) {
	for i := range r.operations {
		s.complete(r, i, c, out)
	}
	s.drop(r)
}

// drop forgets a request: its timestamp counts as done, so that it blocks none
// of the later ones (R26).
func (s *Session) drop(r *request) {
	delete(s.byDigest, r.signed.Digest())
	if i := slices.Index(s.flight, r); i >= 0 {
		s.flight = slices.Delete(s.flight, i, i+1)
	}
	if r.opens() {
		return
	}
	r.numbers.finish(r.signed.Timestamp)
	r.numbers.requests--
	r.numbers.operations -= len(r.operations)
}
