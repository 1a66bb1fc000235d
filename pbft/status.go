package pbft

import (
	"fmt"
	"strings"
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// idleFactor is how many StatusIntervals an idle replica waits at most.
const idleFactor = 16

// tellStatus sends a STATUS when it is due (R122). A replica that waits for
// nothing lets the pause grow.
func (e *Engine) tellStatus(out *consensus.Effects) {
	idle := e.active() && e.top <= e.ordered && e.certified <= e.ordered && len(e.votes) == 0 && !e.mute() && !e.fillWanted()
	if !idle {
		e.statusPause = e.cfg.StatusInterval
		e.statusAt = min(e.statusAt, e.clock+e.statusPause)
	}
	if e.clock < e.statusAt || e.group.N == 1 {
		return
	}
	if idle {
		e.statusPause = min(2*e.statusPause, idleFactor*e.cfg.StatusInterval)
	}
	e.statusAt = e.clock + e.statusPause
	st := e.standing()
	out.Send = append(out.Send, consensus.Outbound{To: consensus.Everyone, Class: consensus.ClassStatus, Frame: st.encode()})
}

// standing says what is here and, by what it leaves out, what is lacking.
func (e *Engine) standing() *Status {
	st := &Status{View: e.view, ChangingTo: e.changing, Low: e.certified, Ordered: e.ordered, Changes: make([]consensus.ViewNumber, e.group.N)}
	for i, c := range e.changes {
		if c != nil {
			st.Changes[i] = c.To
		}
	}
	for n := e.ordered + 1; n <= e.top && len(st.Slots) < 2*int(e.window); n++ {
		st.Slots = append(st.Slots, e.slotStatus(n))
	}
	for len(st.Slots) > 0 && st.Slots[len(st.Slots)-1] == (SlotStatus{}) {
		st.Slots = st.Slots[:len(st.Slots)-1]
	}
	for n := e.certified + e.every; n <= e.high(); n += e.every {
		var mask uint64
		for i, c := range e.votes[n] {
			if c != nil {
				mask |= 1 << i
			}
		}
		st.Checkpoints = append(st.Checkpoints, mask)
	}
	for len(st.Checkpoints) > 0 && st.Checkpoints[len(st.Checkpoints)-1] == 0 {
		st.Checkpoints = st.Checkpoints[:len(st.Checkpoints)-1]
	}
	return st
}

func (e *Engine) slotStatus(n consensus.Sequence) (x SlotStatus) {
	s := e.slots[n]
	if s == nil {
		return x
	}
	if s.certificate != nil {
		x.Flags |= hasCommitted
	}
	if _, lacking := s.lacks(); !lacking && (s.certificate != nil || s.proposal != nil) {
		x.Flags |= hasBatch
	}
	if s.view != e.view {
		return x
	}
	if s.proposal != nil {
		x.Flags |= hasProposal
	}
	if s.commitAt != 0 {
		x.Flags |= hasPrepared
	}
	x.Prepares, x.Commits = mask(s.prepares), mask(s.commits)
	return x
}

// Status implements consensus.Engine. Its text is that of the last Tick, so that
// it costs nothing to ask after every event.
func (e *Engine) Status() consensus.Status {
	return consensus.Status{
		View: e.view, ChangingTo: e.changing, Primary: e.group.Primary(e.changing),
		Low: e.low, High: e.high(), Ordered: e.ordered, Proposed: max(e.proposed, e.carried),
		Timeout: e.timeout(), Waiting: e.reason,
		Mute: e.mute(), Recovering: e.recovery.said, Remembered: e.recovery.recordAt != 0 && e.recovery.recordAt <= e.persisted, VotesFrom: e.recovery.from,
	}
}

// Waiting says in words why nothing moves right now; empty when nothing waits.
func (e *Engine) Waiting() string {
	switch {
	case e.halted:
		return "halted"
	case !e.started:
		return "reading the log"
	case e.recovery.asking:
		return e.waitingForAnswers()
	case e.suspect:
		return fmt.Sprintf("waiting for the own state to be repaired; certified is checkpoint %d, ordered here is %d", e.certified, e.ordered)
	case e.transferring:
		return fmt.Sprintf("waiting for the state at checkpoint %d; ordered here is %d", e.certified, e.ordered)
	case !e.active():
		return e.waitingForView()
	case e.certified > e.ordered:
		return fmt.Sprintf("waiting for proofs of what committed from %d to %d", e.ordered+1, e.certified)
	case e.ordered >= e.high():
		return fmt.Sprintf("waiting for a checkpoint at %d: the window is full at %d", e.certified+e.every, e.high())
	case e.top <= e.ordered:
		return ""
	}
	return e.waitingForSlot(e.ordered+1) + e.alarmText(e.progress)
}

func (e *Engine) waitingForView() string {
	votes := e.changesFor(e.changing)
	if missing := e.group.Quorum - len(votes); missing > 0 {
		signed := uint64(0)
		for _, c := range votes {
			signed |= 1 << c.Signer
		}
		return fmt.Sprintf("waiting for %d more view changes to view %d from %s", missing, e.changing, e.names(^signed, consensus.Everyone)) + e.alarmText(e.newViewAlarm)
	}
	return fmt.Sprintf("waiting for the new view %d from r%d", e.changing, e.group.Primary(e.changing)) + e.alarmText(e.newViewAlarm)
}

func (e *Engine) waitingForSlot(n consensus.Sequence) string {
	s := e.slots[n]
	if s == nil || s.view != e.view && s.certificate == nil || s.proposal == nil && s.certificate == nil {
		return fmt.Sprintf("waiting for a pre-prepare at %d from r%d", n, e.primary())
	}
	if d, lacking := s.lacks(); lacking {
		return fmt.Sprintf("waiting for the batch at %d with digest %x", n, d[:4])
	}
	d := s.proposal.Header.Batch
	votes, name, need, except := s.prepares, "prepares", e.group.Quorum-1, e.primary()
	if s.commitAt != 0 {
		votes, name, need, except = s.commits, "commits", e.group.Quorum, consensus.Everyone
	} else if s.votedAt == 0 && e.mayVote() && e.tooEarly(s) {
		return fmt.Sprintf("waiting for the clock: the batch at %d was proposed for another time than it is here", n)
	}
	equal := uint64(0)
	if !e.mayVote() {
		equal = 1 << e.self // its own vote will not come, and nobody need wait for it
	}
	for i, v := range votes {
		if v != nil && v.Header.Batch == d {
			equal |= 1 << i
			need--
		}
	}
	return fmt.Sprintf("waiting for %d more %s at %d from %s", need, name, n, e.names(^equal, except))
}

// tooEarly reports whether the own clock holds back a proposal that is here in full (R37).
func (e *Engine) tooEarly(s *slot) bool {
	held, ok := s.holds(s.proposal.Header.Batch)
	return ok && s.fresh && !e.timely(held.batch.Content.Time)
}

func (e *Engine) alarmText(a alarm) string {
	if !a.set {
		return ""
	}
	return fmt.Sprintf("; timer fires in %s", max(0, a.at-e.clock).Round(100*time.Millisecond))
}

// names lists the replicas in a mask, without one.
func (e *Engine) names(mask uint64, except consensus.ReplicaID) string {
	var list []string
	for i := range e.group.N {
		if mask&(1<<i) != 0 && consensus.ReplicaID(i) != except {
			list = append(list, fmt.Sprintf("r%d", i))
		}
	}
	return strings.Join(list, ", ")
}
