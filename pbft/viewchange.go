package pbft

import (
	"fmt"

	"github.com/varangian-bft/varangian/consensus"
)

// changeTo leaves the view: it logs and sends a VIEW-CHANGE, and takes part in no
// lower view any more (R45, R71).
func (e *Engine) changeTo(to consensus.ViewNumber, out *consensus.Effects) {
	assert(to > e.changing, "a view change goes forward")
	if e.halted || to >= numberMax || e.mute() {
		return
	}
	e.changing = to
	e.fruitless++
	e.newViewAlarm.set = false
	c := &ViewChange{To: to, Stable: e.stable, Prepared: e.preparedAbove()}
	signViewChange(c, e.self, e.domain, e.cfg.Signer)
	e.changeAt = out.Append(recordViewChange, c.frame)
	e.changes[e.self] = c
	e.send(c.frame, e.changeAt, out)
	e.purgeLater()
	e.considerChanges(out)
}

// preparedAbove returns, for each sequence above the certified checkpoint, the
// certificate of the highest view in which it prepared here, of whatever view
// that was (R57, R58).
func (e *Engine) preparedAbove() (list []PreparedCertificate) {
	for n := e.certified + 1; n <= e.high(); n++ {
		if s := e.slots[n]; s != nil && s.prepared != nil {
			list = append(list, *s.prepared)
		}
	}
	return list
}

// onViewChange keeps the highest VIEW-CHANGE of each sender (R70). The checkpoint
// that it proves counts whatever becomes of the view change.
func (e *Engine) onViewChange(m *ViewChange, out *consensus.Effects) {
	if m.Signer == e.self {
		if m.To > e.changing && m.To > e.recovery.from {
			e.forget(fmt.Sprintf("VIEW-CHANGE v=%d", m.To), out)
		}
		return
	}
	if !e.learn(m, out) || m.To <= e.view {
		return
	}
	if old := e.changes[m.Signer]; old != nil && old.To >= m.To {
		return
	}
	e.changes[m.Signer] = m
	e.considerChanges(out)
}

// learn takes what the certificates of a view change prove to this replica: a
// stable checkpoint, or a vote that it has forgotten (R7).
func (e *Engine) learn(m *ViewChange, out *consensus.Effects) bool {
	for i := range m.Prepared {
		p := &m.Prepared[i]
		if e.group.Primary(p.Header.View) == e.self && e.forgotVote(TypePrePrepare, p.Header, out) {
			return false
		}
		for _, v := range p.Prepares {
			if v.Replica == e.self && e.forgotVote(TypePrepare, p.Header, out) {
				return false
			}
		}
	}
	if m.Stable != nil {
		e.onCheckpointCertificate(m.Stable, out)
	}
	return !e.halted
}

// considerChanges acts on the view changes at hand: it joins f+1 others (R68), and
// with a quorum it opens the view as its primary or starts to wait for it (R67).
// Whoever asks for a later view has given this one up, and its VIEW-CHANGE for it
// may be lost for good (R70): it counts for the wait, or replicas that a loss has
// spread over several views would wait in them for ever.
func (e *Engine) considerChanges(out *consensus.Effects) {
	if e.mute() {
		return
	}
	if to, ok := e.joinable(); ok {
		e.changeTo(to, out)
		return
	}
	if e.active() || e.halted {
		return
	}
	quorum := e.changesFor(e.changing)
	if len(quorum) >= e.group.Quorum && e.group.Primary(e.changing) == e.self {
		e.openView(quorum[:e.group.Quorum], out)
		return
	}
	if !e.newViewAlarm.set && e.changesFrom(e.changing) >= e.group.Quorum {
		e.newViewAlarm = alarm{set: true, at: e.clock + e.timeout()}
	}
}

// joinable returns the smallest view above the own one that a member of a weak
// quorum of others asks for. One VIEW-CHANGE counts for each, so that f liars
// move nobody (R69).
func (e *Engine) joinable() (to consensus.ViewNumber, ok bool) {
	count := 0
	for i, c := range e.changes {
		if c == nil || consensus.ReplicaID(i) == e.self || c.To <= e.changing {
			continue
		}
		if count == 0 || c.To < to {
			to = c.To
		}
		count++
	}
	return to, count >= e.group.Weak
}

// changesFor returns the view changes for exactly one view, in ascending order.
func (e *Engine) changesFor(v consensus.ViewNumber) (list []*ViewChange) {
	for _, c := range e.changes {
		if c != nil && c.To == v {
			list = append(list, c)
		}
	}
	return list
}

// changesFrom counts the view changes for a view or a later one.
func (e *Engine) changesFrom(v consensus.ViewNumber) (count int) {
	for _, c := range e.changes {
		if c != nil && c.To >= v {
			count++
		}
	}
	return count
}

// openView makes the NEW-VIEW of a view whose primary this replica is (R62). It
// does so once: from then on the view is its own (R72).
func (e *Engine) openView(quorum []*ViewChange, out *consensus.Effects) {
	low, batches := computeNewView(quorum)
	m := &NewView{View: e.changing, Changes: quorum}
	for i, d := range batches {
		h := Header{View: m.View, Sequence: low + consensus.Sequence(i) + 1, Batch: d}
		m.Proposals = append(m.Proposals, Proposal{Batch: d, Signature: e.cfg.Signer.Sign(e.domain.Statement(byte(TypePrePrepare), h.bytes()))})
	}
	signNewView(m, e.domain, e.cfg.Signer)
	e.enterView(m, out)
	e.send(m.frame, e.newViewAt, out)
	e.startView(out)
}

// onNewView enters a view if its proposals are exactly what its view changes
// demand, and goes on to the next view otherwise (R63). One for a view below the
// one asked for comes too late (R45).
func (e *Engine) onNewView(m *NewView, out *consensus.Effects) {
	if m.View <= e.view || m.View < e.changing {
		return
	}
	if e.group.Primary(m.View) == e.self {
		e.forget(fmt.Sprintf("NEW-VIEW v=%d", m.View), out)
	}
	for _, c := range m.Changes {
		if c.Signer == e.self && c.To > e.changing && c.To > e.recovery.from {
			e.forget(fmt.Sprintf("VIEW-CHANGE v=%d", c.To), out)
		}
		if !e.learn(c, out) {
			return
		}
	}
	if _, batches := computeNewView(m.Changes); !sameBatches(m.Proposals, batches) {
		e.changeTo(m.View+1, out)
		return
	}
	e.enterView(m, out)
	e.startView(out)
}
