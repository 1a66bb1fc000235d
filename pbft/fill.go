package pbft

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// fills are the questions of recovering replicas for batches: an idle group would
// never reach the checkpoint that they need (R92).
type fills struct {
	asks   []fillAsk // by replica
	passAt time.Duration

	greedy   bool // the primary ordered far beyond a budget,
	greedyIn consensus.ViewNumber
}

// A fillAsk is one replica's latest question.
type fillAsk struct {
	recall *Recall
	at     time.Duration
	paid   time.Duration // until when its budget is used up; in the past if nothing is
}

const (
	// fillPeriod is the time over which 3L + 2K null batches are ordered for one member:
	// more than its recovery needs, and little enough that members who claim for ever
	// that they recover cost next to nothing. Each has a budget of its own, or a liar
	// would use up what one that recovers needs.
	fillPeriod = 10 * time.Minute
	// fillForget is after how many status intervals a question that is not repeated
	// ends.
	fillForget = 30
)

// noteFill keeps the highest question of a replica that recovers. A lower one, which a
// liar tells some replicas only and anyone may replay, waits until that has ended: it
// would keep the primary from what the others blame it for (R31, R69).
func (e *Engine) noteFill(m *Recall) {
	a := &e.fills.asks[m.Signer]
	if e.stands(a) && m.Fill < a.recall.Fill {
		return
	}
	a.recall, a.at = m, e.clock
}

// stands reports whether a question was asked lately.
func (e *Engine) stands(a *fillAsk) bool {
	return a.recall != nil && e.clock-a.at <= fillForget*e.cfg.StatusInterval
}

// filling returns the question for the highest sequence, if it is above what is
// ordered here, of members that have used less than so much of their budget.
func (e *Engine) filling(most time.Duration) *Recall {
	var best *Recall
	for i := range e.fills.asks {
		a := &e.fills.asks[i]
		if !e.stands(a) || a.paid-e.clock >= most {
			continue
		}
		if best == nil || a.recall.Fill > best.Fill {
			best = a.recall
		}
	}
	if best == nil || best.Fill <= e.ordered {
		return nil
	}
	return best
}

// fillCost is the part of fillPeriod that one null batch uses up.
func (e *Engine) fillCost() time.Duration {
	return fillPeriod / time.Duration(3*e.window+2*e.every)
}

// fillOrdered takes a null batch off the budget of the member whose question it came
// with. Nearly every replica sees the same ones, and so agrees about what is left: a
// primary goes on to two periods, the others blame it for doing nothing only within
// one, and for going on only after three (R74).
func (e *Engine) fillOrdered(s *slot) {
	p := s.proposal
	if p == nil || p.Fill == nil {
		return
	}
	a := &e.fills.asks[p.Fill.Signer]
	a.paid = max(a.paid, e.clock) + e.fillCost()
	if a.paid-e.clock > 3*fillPeriod && p.Header.View == e.view {
		e.fills.greedy, e.fills.greedyIn = true, e.view
	}
}

// greedyPrimary reports whether the primary of this view orders null batches that
// nobody has a budget for.
func (e *Engine) greedyPrimary() bool {
	return e.fills.greedy && e.fills.greedyIn == e.view && e.active() && !e.mute()
}

// fillWanted reports whether the primary owes the group null batches (R30): then a
// standstill is its fault.
func (e *Engine) fillWanted() bool { return e.filling(fillPeriod) != nil }

// fill proposes null batches while nothing else is open, as primary, and passes the
// question on to the primary otherwise, which may not have heard it.
func (e *Engine) fill(out *consensus.Effects) {
	if e.top > e.ordered {
		return
	}
	m := e.filling(2 * fillPeriod)
	switch {
	case m == nil:
	case e.self == e.primary():
		for count := e.cfg.BatchesInFlight / 2; count > 0 && e.Room() > 0 && e.nextProposal() <= m.Fill; count-- {
			e.proposeNull(m, out)
		}
	case e.active() && e.clock >= e.fills.passAt && !e.mute():
		e.fills.passAt = e.clock + e.cfg.StatusInterval
		out.Send = append(out.Send, consensus.Outbound{To: e.primary(), Class: consensus.ClassStatus, Frame: m.frame})
	}
}

// proposeNull proposes the null batch for the next sequence, with the question that
// makes it valid (R74).
func (e *Engine) proposeNull(m *Recall, out *consensus.Effects) {
	s := e.slot(e.nextProposal())
	assert(s.proposal == nil && e.votable(s.sequence), "own proposal made twice (R36)")
	h := Header{View: e.view, Sequence: s.sequence, Batch: consensus.NullDigest}
	v := newVote(TypePrePrepare, h, e.self, e.domain, e.cfg.Signer)
	wire := append(append(make([]byte, 0, voteBytes+recallBytes), v.frame...), m.frame...)
	s.proposal = &PrePrepare{Vote: *v, Fill: m, wire: wire}
	e.proposed, e.top = s.sequence, max(e.top, s.sequence)
	e.accept(s, nil, out)
	e.send(s.proposal.wire, s.votedAt, out)
	e.advance(s, out)
}
