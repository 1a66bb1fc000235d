package pbft

import (
	"fmt"
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// questions are what this replica asks of the others about itself.
type questions struct {
	nonce   consensus.Nonce
	round   uint32
	quiet   bool // it signs nothing before the first round is answered (R91)
	asking  bool // a round is under way
	answers []bool
	askAt   time.Duration
	asked   *Recall // as it was last signed
}

// recall begins a life with the question what others hold of this replica: an older
// copy of its folder, put back, looks whole from within (R91). What they hold comes
// before anything is signed. A bound in the log counts for nothing: the folder may be
// a copy from the middle of a recovery that ended, and the votes given since then lie
// above that bound. Answers of this life are younger than all of them (R92).
func (e *Engine) recall(ev consensus.Started, out *consensus.Effects) {
	r := &e.recovery
	r.nonce, r.bounded = ev.Nonce, false
	if e.group.N > 1 && ev.Nonce != (consensus.Nonce{}) {
		r.quiet = true
		e.ask()
	}
	if ev.Forgot != "" {
		e.beginRecovery(ev.Forgot, out)
	}
	if e.recovering() && !r.asking {
		e.ask()
	}
	r.say(e)
	e.askAgain(out)
}

// ask begins a round of questions.
func (e *Engine) ask() {
	r := &e.recovery
	r.round++
	r.asking, r.answers, r.askAt, r.asked = true, make([]bool, e.group.N), e.clock, nil
}

// askAgain repeats the question until a quorum but this replica has answered, and
// then, while it recovers, tells the others how far the group has to go (R92).
func (e *Engine) askAgain(out *consensus.Effects) {
	r := &e.recovery
	if e.halted || e.clock < r.askAt || !r.asking && !e.recovering() {
		return
	}
	r.askAt = e.clock + e.cfg.StatusInterval
	fill := consensus.Sequence(0)
	if !r.asking {
		// One batch above the bound, and above the checkpoint here, from which on
		// certificates of batches still come to this replica.
		fill = max(r.bound, e.certified) + 1
	}
	if r.asked == nil || r.asked.Fill != fill {
		r.asked = newRecall(Recall{Nonce: r.nonce, Round: r.round, Fill: fill}, e.self, e.domain, e.cfg.Signer)
	}
	out.Send = append(out.Send, consensus.Outbound{To: consensus.Everyone, Class: consensus.ClassStatus, Frame: r.asked.frame})
}

// onRecall answers a question, once in every StatusInterval (R105), also while this
// replica waits for answers itself: after a power failure all ask all.
func (e *Engine) onRecall(from consensus.ReplicaID, m *Recall, out *consensus.Effects) {
	if m.Signer == e.self || !e.started {
		return
	}
	if m.Fill > 0 {
		e.noteFill(m)
		return
	}
	p := &e.askers[m.Signer]
	if from != m.Signer || p.recalled && e.clock-p.recalledAt < e.cfg.StatusInterval {
		return
	}
	p.recalled, p.recalledAt = true, e.clock
	// An own CHECKPOINT in the certificate may not be durable yet (R6).
	out.Send = append(out.Send, consensus.Outbound{To: from, Class: consensus.ClassStatus, Frame: recalledFrame(m, e.about(from)), After: e.stableAt})
}

// onRecalled takes in what another replica holds of this one. Late answers are
// looked at, too.
func (e *Engine) onRecalled(from consensus.ReplicaID, m *Recalled, out *consensus.Effects) {
	r := &e.recovery
	if _, ok := e.group.Member(from); !ok || from == e.self || r.round == 0 || m.Nonce != r.nonce || m.Round != r.round {
		return
	}
	if m.Stable != nil {
		e.onCheckpointCertificate(m.Stable, out)
	}
	for _, x := range m.Signed {
		if !e.halted {
			e.onOwn(x, out)
		}
	}
	if e.halted || !r.asking || r.answers[from] {
		return
	}
	r.answers[from] = true
	count := 0
	for _, ok := range r.answers {
		if ok {
			count++
		}
	}
	if count >= e.group.Quorum-1 {
		e.allRecalled(out)
	}
}

// onOwn looks at one message that another replica holds of this one. What others
// signed says nothing here.
func (e *Engine) onOwn(m consensus.Message, out *consensus.Effects) {
	switch m := m.(type) {
	case *Vote:
		if m.Signer == e.self {
			e.onOwnVote(m, out)
		}
	case *Checkpoint:
		if m.Signer == e.self {
			e.onCheckpoint(m, out)
		}
	case *ViewChange:
		if m.Signer == e.self {
			e.onViewChange(m, out)
		}
	}
}

// allRecalled ends a round of questions.
func (e *Engine) allRecalled(out *consensus.Effects) {
	r := &e.recovery
	quiet := r.quiet
	r.asking, r.quiet, r.askAt = false, false, e.clock
	switch {
	case e.recovering() && !r.bounded:
		e.setBound(out)
	case quiet && !e.recovering():
		e.stateCheckpoint(out)
		e.resume(out)
	}
}

// about collects what this replica holds that another one signed and that may still
// bind it: its votes in the highest view in which it voted, its highest CHECKPOINT,
// and its highest VIEW-CHANGE.
func (e *Engine) about(asker consensus.ReplicaID) (frames [][]byte) {
	if e.stable != nil {
		frames = append(frames, e.stable.frame)
	}
	h := signedVotes{limit: 2 * int(e.window), group: e.group, asker: asker}
	for n := e.certified + 1; n <= e.high(); n++ {
		if s := e.slots[n]; s != nil {
			h.slot(s)
		}
	}
	for _, m := range e.later[asker] {
		switch m := m.(type) {
		case *PrePrepare:
			h.vote(&m.Vote)
		case *Vote:
			h.vote(m)
		}
	}
	for _, v := range h.votes {
		frames = append(frames, v.frame)
	}
	if c := e.checkpointOf(asker); c != nil {
		frames = append(frames, c.frame)
	}
	change := e.changes[asker]
	if e.newView != nil && change == nil {
		for _, c := range e.newView.Changes {
			if c.Signer == asker {
				change = c
			}
		}
	}
	if change != nil {
		frames = append(frames, change.frame)
	}
	return frames
}

// checkpointOf is the highest CHECKPOINT of another replica above the certified one.
func (e *Engine) checkpointOf(asker consensus.ReplicaID) *Checkpoint {
	if c := e.far[asker]; c != nil {
		return c
	}
	for n := e.high(); n > e.certified; n -= e.every {
		if votes := e.votes[n]; votes != nil && votes[asker] != nil {
			return votes[asker]
		}
	}
	return nil
}

// signedVotes are the votes of one replica in the highest view of any of them.
type signedVotes struct {
	group *consensus.Group
	asker consensus.ReplicaID
	limit int
	view  consensus.ViewNumber
	votes []*Vote
}

func (h *signedVotes) vote(v *Vote) {
	if v == nil || v.Signer != h.asker || v.Header.View < h.view {
		return
	}
	if v.Header.View > h.view {
		h.view, h.votes = v.Header.View, nil
	}
	for _, old := range h.votes {
		if old.Kind == v.Kind && old.Header.Sequence == v.Header.Sequence {
			return
		}
	}
	if len(h.votes) < h.limit {
		h.votes = append(h.votes, v)
	}
}

// slot adds the votes of one slot, those in certificates too: a replica that has
// just restarted holds no others.
func (h *signedVotes) slot(s *slot) {
	if s.proposal != nil {
		h.vote(&s.proposal.Vote)
	}
	h.vote(s.prepares[h.asker])
	h.vote(s.commits[h.asker])
	if p := s.prepared; p != nil {
		if h.group.Primary(p.Header.View) == h.asker {
			h.vote(voteOf(TypePrePrepare, p.Header, h.asker, p.Primary))
		}
		h.signed(TypePrepare, p.Header, p.Prepares)
	}
	if c := s.certificate; c != nil {
		h.signed(TypeCommit, c.Header, c.Commits)
	}
}

func (h *signedVotes) signed(kind consensus.MessageType, header Header, list []Signed) {
	for _, x := range list {
		if x.Replica == h.asker {
			h.vote(voteOf(kind, header, x.Replica, x.Signature))
		}
	}
}

// waitingForAnswers says who has not answered yet.
func (e *Engine) waitingForAnswers() string {
	missing, answered := uint64(0), 0
	for i, ok := range e.recovery.answers {
		switch {
		case ok:
			answered++
		case consensus.ReplicaID(i) != e.self:
			missing |= 1 << i
		}
	}
	return fmt.Sprintf("waiting for %d more replicas of %s to say what they hold of this one", e.group.Quorum-1-answered, e.names(missing, consensus.Everyone))
}
