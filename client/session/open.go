package session

import (
	"math"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
)

const (
	// raisesMax bounds how often a higher session number is tried: the steps
	// double, so that it suffices for any number that a clock can have given.
	raisesMax = 60
	// triesMax bounds how many sessions an operation may lose.
	triesMax = 3
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
	step := consensus.SessionNumber(1) << s.raises
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

// again puts the operations of a request that will never be executed back to the
// front, for the next session.
func (s *Session) again(r *request, out *Effects) {
	back := make([]Operation, 0, r.live+s.waiting.len())
	for i := range r.operations {
		op := r.operations[i]
		switch {
		case op.over:
		case op.tries+1 >= triesMax:
			s.complete(r, i, Completion{Fate: Forgotten, Outcome: OutcomeNever}, out)
		default:
			op.tries++
			back = append(back, op)
		}
	}
	s.drop(r)
	s.waiting.replace(append(back, s.waiting.items()...))
}
