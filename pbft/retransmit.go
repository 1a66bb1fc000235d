package pbft

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// answerBytesMax bounds what one STATUS makes this replica send. A message that
// is larger by itself goes alone.
const answerBytesMax = 1 << 20

// An asker is when another replica was last answered.
type asker struct {
	answered bool
	at       time.Duration
	rounds   uint64

	recalled   bool // its RECALL was answered
	recalledAt time.Duration
}

// An answer collects what goes to one replica.
type answer struct {
	to   consensus.ReplicaID
	sent int
	out  *consensus.Effects
}

// add sends a frame as it was logged (R80), and reports whether there is room for
// more.
func (a *answer) add(frame []byte, after consensus.Position) bool {
	if a.sent > 0 && a.sent+len(frame) > answerBytesMax {
		return false
	}
	a.sent += len(frame)
	a.out.Send = append(a.out.Send, consensus.Outbound{To: a.to, Class: consensus.ClassStatus, Frame: frame, After: after})
	return true
}

// onStatus sends a replica what it lacks and what is here (R122): each item at
// most once in every StatusInterval, because it is answered at most once (R105).
func (e *Engine) onStatus(from consensus.ReplicaID, st *Status, out *consensus.Effects) {
	if _, ok := e.group.Member(from); !ok || from == e.self || !e.started {
		return
	}
	p := &e.askers[from]
	if p.answered && e.clock-p.at < e.cfg.StatusInterval {
		return
	}
	a := answer{to: from, out: out}
	helps := e.helps(from, p.rounds)
	e.answerView(st, &a, helps)
	e.answerCheckpoints(st, &a)
	e.answerSlots(st, &a, helps)
	p.rounds++
	p.answered, p.at = true, e.clock
}

// helps spreads what every replica could send, large things above all, over the
// replicas: two of them in each round.
func (e *Engine) helps(to consensus.ReplicaID, round uint64) bool {
	n := uint64(e.group.N)
	return (uint64(e.self)+n-(round+uint64(to)+1)%n)%n < 2
}

func (e *Engine) answerView(st *Status, a *answer, helps bool) {
	if e.newView != nil && e.newView.View == e.view && st.View < e.view && st.ChangingTo <= e.view &&
		(helps || e.primary() == e.self) {
		a.add(e.newView.frame, e.newViewAt)
	}
	if c := e.changes[e.self]; c != nil && !e.mute() && c.To > st.View && st.Changes[e.self] < c.To {
		a.add(c.frame, e.changeAt)
	}
}

func (e *Engine) answerCheckpoints(st *Status, a *answer) {
	if e.stable != nil && e.certified > st.Low {
		a.add(e.stable.frame, e.stableAt)
		return
	}
	if e.certified != st.Low || e.mute() || e.suspect {
		return
	}
	for i, n := 0, e.certified+e.every; n <= e.high(); i, n = i+1, n+e.every {
		votes := e.votes[n]
		if votes == nil || votes[e.self] == nil || i < len(st.Checkpoints) && st.Checkpoints[i]&(1<<e.self) != 0 {
			continue
		}
		if own := votes[e.self]; a.add(own.frame, own.at) {
			a.out.Send[len(a.out.Send)-1].State = true
		}
	}
}

func (e *Engine) answerSlots(st *Status, a *answer, helps bool) {
	for n := max(st.Ordered+1, e.oldest()); n <= e.top; n++ {
		s := e.slots[n]
		if s == nil {
			continue
		}
		var has SlotStatus
		if i := n - st.Ordered - 1; i < consensus.Sequence(len(st.Slots)) {
			has = st.Slots[i]
		}
		if !e.answerSlot(s, has, st, a, helps) {
			return
		}
	}
}

// answerSlot sends a proof of commitment, or the proposal and the own votes. A
// replica that leaves its view repeats none of them (R45).
func (e *Engine) answerSlot(s *slot, has SlotStatus, st *Status, a *answer, helps bool) bool {
	if has.Flags&hasCommitted != 0 {
		return true
	}
	if s.certificate != nil {
		// An own commit in it may not be durable yet (R6).
		return !helps || a.add(s.certificate.frame, s.executeAfter)
	}
	if !e.active() || e.mute() || st.View != e.view || st.ChangingTo != e.view || s.view != e.view || !e.votable(s.sequence) || s.votedAt == 0 {
		return true
	}
	more := true
	bit := uint64(1) << e.self
	// A null batch without its question, which a restart took, is worth nothing (R74).
	whole := s.proposal.Header.Batch != consensus.NullDigest || s.proposal.Fill != nil
	if has.Flags&hasProposal == 0 && whole && (helps || e.primary() == e.self) && s.sequence > e.carried {
		more = a.add(s.proposal.wire, s.votedAt)
	}
	if v := s.prepares[e.self]; more && v != nil && has.Prepares&bit == 0 {
		more = a.add(v.frame, s.votedAt)
	}
	if v := s.commits[e.self]; more && v != nil && has.Commits&bit == 0 {
		more = a.add(v.frame, s.commitAt)
	}
	return more
}
