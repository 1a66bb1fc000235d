package pbft

import (
	"fmt"

	"github.com/varangian-bft/varangian/consensus"
)

// Replay implements consensus.Engine. It rebuilds what was promised, never what
// was only received (R80): votes come back with the bytes they had.
func (e *Engine) Replay(r consensus.Record) error {
	assert(!e.started, "a record is replayed after Started")
	if err := e.replay(r); err != nil {
		return fmt.Errorf("pbft: log record %d of kind %d: %w", r.Position, r.Kind, err)
	}
	e.persisted = r.Position
	return nil
}

func (e *Engine) replay(r consensus.Record) error {
	switch r.Kind {
	case recordProposal:
		return e.replayProposal(r)
	case recordPrepared:
		return e.replayPrepared(r)
	case recordCommitted:
		return e.replayCommitted(r)
	case recordCheckpoint:
		c, err := readFrame[*Checkpoint](e.codec, r.Data)
		if err == nil && c.Sequence > e.certified {
			e.replayCheckpoint(c, r.Position)
		}
		return err
	case recordStable:
		c, err := readFrame[*CheckpointCertificate](e.codec, r.Data)
		if err == nil {
			e.replayStable(c, r.Position)
		}
		return err
	case recordViewChange:
		c, err := readFrame[*ViewChange](e.codec, r.Data)
		if err == nil && c.To > e.changing {
			e.changing, e.changes[e.self], e.changeAt = c.To, c, r.Position
		}
		return err
	case recordNewView:
		m, err := readFrame[*NewView](e.codec, r.Data)
		if err == nil && m.View > e.view {
			e.newViewAt = r.Position
			e.setView(m)
		}
		return err
	case recordRoot:
		return e.replayRoot(r)
	case recordRecovery:
		return e.replayRecovery(r)
	case recordProof:
		return ErrProof
	}
	return errRecord
}

// replayVoted moves to the view of an own vote: its NEW-VIEW may have been
// trimmed, and comes again with the root record.
func (e *Engine) replayVoted(h Header, at consensus.Position) *slot {
	e.noteRecord(h.Sequence, at)
	if h.View > e.view {
		e.view, e.changing = h.View, max(h.View, e.changing)
	}
	return e.slot(h.Sequence)
}

func (e *Engine) replayProposal(r consensus.Record) error {
	p, err := e.codec.readProposalRecord(r.Data)
	if err != nil {
		return err
	}
	h := p.header
	s := e.replayVoted(h, r.Position)
	if p.batch != nil {
		if p.batch.Digest != h.Batch {
			return errRecord
		}
		s.keep(p.batch, r.Position)
	}
	if h.View < e.view {
		return nil
	}
	if s.votedAt != 0 && s.proposal.Header.Batch != h.Batch {
		return fmt.Errorf("two proposals accepted for view %d sequence %d", h.View, h.Sequence)
	}
	var content *consensus.Content
	if held, ok := s.holds(h.Batch); ok && !held.batch.Null() {
		content = &held.batch.Content
	}
	s.proposal = newPrePrepare(voteOf(TypePrePrepare, h, e.group.Primary(h.View), p.primary), content)
	s.fresh, s.votedAt = false, r.Position
	if p.own != nil {
		s.prepares[e.self] = voteOf(TypePrepare, h, e.self, *p.own)
	}
	e.proposed = max(e.proposed, h.Sequence)
	return nil
}

func (e *Engine) replayPrepared(r consensus.Record) error {
	p, own, err := e.codec.readPreparedRecord(r.Data)
	if err != nil {
		return err
	}
	s := e.replayVoted(p.Header, r.Position)
	if s.prepared == nil || s.prepared.Header.View < p.Header.View {
		s.prepared = p
	}
	if p.Header.View < e.view {
		return nil
	}
	if s.commits[e.self] != nil && s.commits[e.self].Header.Batch != p.Header.Batch {
		return fmt.Errorf("two commits sent for view %d sequence %d", p.Header.View, p.Header.Sequence)
	}
	s.commits[e.self], s.commitAt = voteOf(TypeCommit, p.Header, e.self, own), r.Position
	return nil
}

func (e *Engine) replayCommitted(r consensus.Record) error {
	c, batch, err := e.codec.readCommittedRecord(r.Data)
	if err != nil {
		return err
	}
	e.noteRecord(c.Header.Sequence, r.Position)
	s := e.slot(c.Header.Sequence)
	if s.certificate != nil && s.certificate.Header.Batch != c.Header.Batch {
		return fmt.Errorf("two batches certified for sequence %d", c.Header.Sequence)
	}
	if batch != nil {
		s.keep(batch, r.Position)
	}
	s.certificate, s.certificateAt = c, r.Position
	return nil
}

func (e *Engine) replayCheckpoint(c *Checkpoint, at consensus.Position) {
	e.noteRecord(c.Sequence, at)
	if e.votes[c.Sequence] == nil {
		e.votes[c.Sequence] = make([]*Checkpoint, e.group.N)
	}
	e.votes[c.Sequence][e.self], c.at = c, at
}

func (e *Engine) replayStable(c *CheckpointCertificate, at consensus.Position) {
	if c.Sequence > e.certified {
		e.adopt(c)
		e.stableAt, e.low = at, c.Sequence
		e.dropVotes()
	}
}

// replayRoot goes to where the root record says that the replica was. Records
// before it may be incomplete, those after it build upon it.
func (e *Engine) replayRoot(r consensus.Record) error {
	root, err := readRoot(r.Data)
	if err != nil {
		return err
	}
	if len(root.stable) > 0 {
		c, err := readFrame[*CheckpointCertificate](e.codec, root.stable)
		if err != nil {
			return err
		}
		e.replayStable(c, r.Position)
	}
	if len(root.newView) > 0 {
		m, err := readFrame[*NewView](e.codec, root.newView)
		if err != nil {
			return err
		}
		// Also one that was read already: the log before the root may begin behind the
		// certificate that put its proposals into the window.
		if e.newView == nil || m.View >= e.newView.View {
			e.replayNewView(m, r)
		}
	}
	if len(root.change) > 0 {
		c, err := readFrame[*ViewChange](e.codec, root.change)
		if err != nil {
			return err
		}
		if c.To > e.view {
			e.changes[e.self], e.changeAt = c, r.Position
		}
	}
	e.view, e.changing = max(e.view, root.view), max(e.changing, root.changing)
	return nil
}

// replayNewView takes a NEW-VIEW whose own record was trimmed, without giving up
// votes of its view that were read before.
func (e *Engine) replayNewView(m *NewView, r consensus.Record) {
	if m.View > e.view {
		e.newViewAt = r.Position
		e.setView(m)
		return
	}
	if m.View == e.view {
		changing := e.changing
		e.newView, e.newViewAt = m, r.Position
		e.mergeProposals(m)
		e.changing = max(changing, e.changing)
	}
}

// onStarted begins to work on from what the log showed.
func (e *Engine) onStarted(ev consensus.Started, out *consensus.Effects) {
	assert(!e.started, "Started comes once")
	e.started = true
	out.Next = max(out.Next, e.persisted+1)
	e.ordered = ev.Executed
	e.top = e.highestOpen()
	if !e.active() {
		e.fruitless = int(min(e.changing-e.view, 16))
	}
	if e.stable != nil {
		out.Stable = append(out.Stable, e.checkpoint())
	}
	e.dropSlots()
	e.recall(ev, out)
	if ev.Executed > 0 { // said now if a crash came between state and log (R50)
		e.onFlushed(ev.Executed, ev.Chain, out)
	}
	if e.halted {
		return
	}
	for n := e.lowest(); n <= e.top; n++ {
		if s := e.slots[n]; s != nil {
			e.want(s, out)
		}
	}
	e.resume(out)
	e.tellStatus(out)
}

// resume takes up everything that was open, as far as this replica may: after a
// start, and again when it may sign.
func (e *Engine) resume(out *consensus.Effects) {
	for n := e.lowest(); n <= e.top && !e.halted; n++ {
		if s := e.slots[n]; s != nil {
			e.advance(s, out)
		}
	}
	e.considerChanges(out)
	e.execute(out)
}
