package session

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
)

// refused takes one replica's word that it did not take a request. One alone
// means nothing (R28): it may lie, lag or be busy.
func (s *Session) refused(from consensus.ReplicaID, frame []byte, out *Effects) bool {
	m, err := wire.ReadRefusal(frame)
	if err != nil {
		return false
	}
	r := s.byDigest[m.Request]
	if r == nil || r.voices[from].root != nil && !r.voices[from].anew {
		return true
	}
	r.voices[from] = voice{refusal: m.Reason}
	reason := s.verdict(r)
	if reason != 0 {
		r.said = reason
	}
	switch {
	case reason == wire.RefusedInvalid, final(reason) && r.attempt > 1:
		s.reject(r, reason, out)
	case final(reason):
		// A correct replica may merely lag behind the enrolment or the session:
		// it is asked once more before its word counts.
		if early := s.now.Add(s.cfg.RetryMin); early.Before(r.retryAt) {
			r.retryAt = early
		}
	}
	return true
}

// final reports whether asking again does not help.
func final(reason wire.RefusalReason) bool {
	return reason != 0 && reason != wire.RefusedOverloaded && reason != wire.RefusedStopping
}

// verdict returns the reason that a weak quorum of replicas gave since the last
// attempt, or 0. At most one can be.
func (s *Session) verdict(r *request) wire.RefusalReason {
	var counts [wire.RefusedStopping + 1]int
	for i := range r.voices {
		if reason := r.voices[i].refusal; reason != 0 && r.voices[i].root == nil {
			counts[reason]++
		}
	}
	for reason, count := range counts {
		if count >= s.cfg.Group.Weak {
			return wire.RefusalReason(reason)
		}
	}
	return 0
}

// reject ends a request that the group does not take. Only what can be seen from
// the bytes of a request alone rules out for ever that a primary orders it.
func (s *Session) reject(r *request, reason wire.RefusalReason, out *Effects) {
	if r.opens() {
		s.openingRefused(r, reason, out)
		return
	}
	c := Completion{Fate: Refused, Outcome: OutcomeMaybe, Reason: reason}
	switch reason {
	case wire.RefusedInvalid:
		c.Outcome = OutcomeNever
	case wire.RefusedSession, wire.RefusedWindow:
		c.Fate = Forgotten
		s.lose(r.numbers)
	case wire.RefusedOverloaded, wire.RefusedUnauthorised, wire.RefusedStopping:
		// A replica that is not of this opinion may have taken the request.
	}
	s.completeAll(r, c, out)
}
