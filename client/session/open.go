package session

import (
	"math"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
)

const (
	// raisesMax bounds how often a higher session number is tried: the steps
	// double, so that it suffices for any number that a clock can have given, also if
	// that of this machine says 1970.
	raisesMax = 43
	raiseMin  = 1 << 20
	// triesMax bounds in how many requests an operation is sent.
	triesMax = 8
)

// open asks the group for a session: ordered as everything else (R26).
func (s *Session) open(out *Effects) {
	n := &numbering{session: s.nextNumber, next: 1, finished: map[consensus.Timestamp]struct{}{}}
	s.numbers = n
	s.launch(&request{numbers: n}, consensus.Request{Kind: consensus.KindOpenSession, Session: n.session}, out)
}

// opened takes the group's answer to open.
func (s *Session) opened(r *request, results []consensus.Result, out *Effects) {
	s.drop(r)
	if len(results) == 1 && results[0].Class == consensus.ResultOK {
		r.numbers.open = true
		s.nextNumber = r.numbers.session
		s.raises = 0
		return
	}
	if len(results) == 1 && results[0].Class == consensus.ResultUnauthorised {
		s.numbers = nil
		s.failWaiting(Completion{Fate: Refused, Outcome: OutcomeNever, Reason: wire.RefusedUnauthorised}, out)
		return
	}
	s.raise(r, out)
}

// raise tries a higher session number, since the key opened this one or a higher
// one before.
func (s *Session) raise(r *request, out *Effects) {
	s.numbers = nil
	step := consensus.SessionNumber(raiseMin) << s.raises
	if s.raises++; s.raises > raisesMax || s.nextNumber > math.MaxUint64-step {
		s.raises = 0
		s.failWaiting(Completion{Fate: Refused, Outcome: OutcomeNever, Reason: wire.RefusedSession, Heard: r.heard()}, out)
		return
	}
	s.nextNumber += step
}

func (s *Session) openingRefused(r *request, reason wire.RefusalReason, out *Effects) {
	s.drop(r)
	if reason == wire.RefusedSession || reason == wire.RefusedWindow {
		s.raise(r, out)
		return
	}
	s.numbers = nil
	s.failWaiting(Completion{Fate: Refused, Outcome: OutcomeNever, Reason: reason, Heard: r.heard()}, out)
}

// failWaiting ends all operations that no request carries yet.
func (s *Session) failWaiting(c Completion, out *Effects) {
	for _, op := range s.waiting.items() {
		c.Operation = op.ID
		s.count--
		out.Complete = append(out.Complete, c)
	}
	s.waiting.replace(nil)
}

// lose gives up a session that the group does not know any more. Its other
// requests go on until they have an answer of their own.
func (s *Session) lose(n *numbering) {
	if s.numbers == n {
		s.numbers = nil
		if s.nextNumber < math.MaxUint64 {
			s.nextNumber++
		}
	}
}

// again puts the operations of an answered request that changed nothing back to
// the front, to be sent in the company of so many, unless they were often enough.
func (s *Session) again(r *request, which func(consensus.Result) bool, company int, results []consensus.Result) {
	var back []Operation
	for i := range r.operations {
		op := &r.operations[i]
		if op.over || op.tries+1 >= triesMax || !which(results[min(i, len(results)-1)]) {
			continue
		}
		retried := *op
		retried.tries++
		retried.company = company
		back = append(back, retried)
		op.over = true
		r.live--
	}
	if back != nil {
		s.waiting.replace(append(back, s.waiting.items()...))
	}
}
