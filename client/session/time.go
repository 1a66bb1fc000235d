package session

import (
	"slices"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
)

// Next returns when the next Tick is due; the zero time if none is.
func (s *Session) Next() time.Time {
	next := s.deadline
	for _, r := range s.flight {
		next = earliest(next, r.retryAt)
	}
	return next
}

// earliest returns the earlier of two times, of which zero means never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// expect keeps s.deadline at or before the first deadline of all operations.
func (s *Session) expect(op Operation) { s.deadline = earliest(s.deadline, op.Deadline) }

func (s *Session) tick(out *Effects) {
	if !s.deadline.IsZero() && !s.now.Before(s.deadline) {
		s.expire(out)
	}
	for _, r := range slices.Clone(s.flight) {
		if s.byDigest[r.signed.Digest()] == r && !s.now.Before(r.retryAt) {
			s.retry(r, out)
		}
	}
}

// scatteredAfter is after how many attempts answers that do not agree are asked
// for anew: the table of clients may have changed between them.
const scatteredAfter = 3

// retry sends a request again to those that have not answered it, ever less
// often. If the answers do not come to agree, it goes to those that gave them,
// too: a request can be ordered twice, and refused for another reason each time,
// with half of the replies lost.
func (s *Session) retry(r *request, out *Effects) {
	if r.bare {
		if agreed := s.agreed(r); agreed != nil {
			s.bare(r, agreed, out)
			return
		}
		r.bare = false
	}
	r.attempt++
	r.wait = min(2*r.wait, s.cfg.RetryMax)
	r.retryAt = s.now.Add(r.wait)
	scattered := r.attempt > scatteredAfter && r.differing() && s.agreed(r) == nil
	for i := range r.voices {
		if v := &r.voices[i]; scattered || !countable(v) {
			v.refusal, v.anew = 0, countable(v)
			out.Send = append(out.Send, Outbound{To: consensus.ReplicaID(i), Frame: r.frame})
		}
	}
}

// differing reports whether two answers name different leaves.
func (r *request) differing() bool {
	var first *voice
	for i := range r.voices {
		switch v := &r.voices[i]; {
		case !countable(v):
		case first == nil:
			first = v
		case v.leaf != first.leaf:
			return true
		}
	}
	return false
}

// bare ends a request whose results nobody turned out to have.
func (s *Session) bare(r *request, agreed []int, out *Effects) {
	if r.opens() {
		// Whether it opened cannot be known: a higher number surely opens.
		s.drop(r)
		s.raise(r, out)
		return
	}
	s.conclude(r, agreed, nil, out)
}

// connected repeats to a replica what it has not answered and may have missed.
func (s *Session) connected(id consensus.ReplicaID, out *Effects) {
	if _, ok := s.cfg.Group.Member(id); !ok {
		return
	}
	for _, r := range s.flight {
		if !countable(&r.voices[id]) {
			out.Send = append(out.Send, Outbound{To: id, Frame: r.frame})
		}
	}
}

// expire completes what is past its deadline, and finds the next one.
func (s *Session) expire(out *Effects) {
	s.deadline = time.Time{}
	s.withdraw(func(op Operation) bool {
		over := !op.Deadline.IsZero() && !s.now.Before(op.Deadline)
		if !over {
			s.expect(op)
		}
		return over
	}, Expired, out)
}

func (s *Session) cancelled(ev Cancelled, out *Effects) {
	s.withdraw(func(op Operation) bool { return ev.All || slices.Contains(ev.Operations, op.ID) }, Withdrawn, out)
}

// withdraw completes the operations that match. Those that no request carries
// will never be executed; a request that nobody waits for is forgotten.
func (s *Session) withdraw(match func(Operation) bool, fate Fate, out *Effects) {
	var heard Heard
	var said wire.RefusalReason
	for _, r := range slices.Clone(s.flight) {
		if r.opens() {
			heard, said = r.heard(), r.said
		}
		for i := range r.operations {
			if op := &r.operations[i]; !op.over && match(*op) {
				s.complete(r, i, Completion{Fate: fate, Outcome: OutcomeMaybe, Reason: r.said}, out)
			}
		}
		if r.live == 0 && !r.opens() {
			s.drop(r)
		}
	}
	var kept []Operation
	for i, op := range s.waiting.items() {
		if match(op) {
			if kept == nil {
				kept = append(make([]Operation, 0, s.waiting.len()), s.waiting.items()[:i]...)
			}
			s.count--
			out.Complete = append(out.Complete, Completion{Operation: op.ID, Fate: fate, Outcome: OutcomeNever, Reason: said, Heard: heard})
		} else if kept != nil {
			kept = append(kept, op)
		}
	}
	if kept != nil {
		s.waiting.replace(kept)
	}
}
