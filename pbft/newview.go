package pbft

import (
	"bytes"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// computeNewView says what a view opens with, as a function of the quorum of
// view changes that opens it alone (R62): low is their highest stable
// checkpoint, and batches[i] is what sequence low+1+i has to carry: the batch
// that prepared in the highest view, else the null batch. Both are the same for
// every order of changes, which have passed the codec.
func computeNewView(changes []*ViewChange) (low consensus.Sequence, batches []crypto.Digest) {
	high := consensus.Sequence(0)
	for _, c := range changes {
		low = max(low, c.low())
		if n := len(c.Prepared); n > 0 {
			high = max(high, c.Prepared[n-1].Header.Sequence)
		}
	}
	if high <= low {
		return low, nil
	}
	best := make([]Header, high-low)
	for _, c := range changes {
		for i := range c.Prepared {
			h := c.Prepared[i].Header
			if h.Sequence > low && supersedes(h, best[h.Sequence-low-1]) {
				best[h.Sequence-low-1] = h
			}
		}
	}
	batches = make([]crypto.Digest, len(best))
	for i, h := range best {
		batches[i] = consensus.NullDigest
		if h.Sequence != 0 {
			batches[i] = h.Batch
		}
	}
	return low, batches
}

// supersedes reports whether a certificate for a wins over one for b (R59). Two
// digests prepared in one view take more than f liars; the choice is then only
// kept independent of the order.
func supersedes(a, b Header) bool {
	if b.Sequence == 0 || a.View != b.View {
		return b.Sequence == 0 || a.View > b.View
	}
	return bytes.Compare(a.Batch[:], b.Batch[:]) < 0
}

func sameBatches(proposals []Proposal, batches []crypto.Digest) bool {
	if len(proposals) != len(batches) {
		return false
	}
	for i := range proposals {
		if proposals[i].Batch != batches[i] {
			return false
		}
	}
	return true
}

// enterView logs a NEW-VIEW and makes its view the present one.
func (e *Engine) enterView(m *NewView, out *consensus.Effects) {
	e.newViewAt = out.Append(recordNewView, m.frame)
	e.setView(m)
}

// setView accepts the proposals of a NEW-VIEW, as it is also done while the log is
// read. What prepared and committed before stays (R58).
func (e *Engine) setView(m *NewView) {
	e.view, e.changing, e.newView = m.View, m.View, m
	e.newViewAlarm.set = false
	for i, c := range e.changes {
		if c != nil && c.To <= m.View {
			e.changes[i] = nil
		}
	}
	e.proposed = 0
	e.mergeProposals(m)
	e.top = e.highestOpen()
}

// mergeProposals accepts what a NEW-VIEW proposes, but for slots that have the
// same proposal already.
func (e *Engine) mergeProposals(m *NewView) {
	low, _ := computeNewView(m.Changes)
	e.carried = low + consensus.Sequence(len(m.Proposals))
	for i, p := range m.Proposals {
		n := low + consensus.Sequence(i) + 1
		if !e.votable(n) {
			continue
		}
		e.proposed = max(e.proposed, n)
		if s := e.slot(n); s.proposal == nil {
			h := Header{View: m.View, Sequence: n, Batch: p.Batch}
			s.proposal = newPrePrepare(voteOf(TypePrePrepare, h, e.group.Primary(m.View), p.Signature), nil)
		}
	}
}

// highestOpen finds the highest sequence with a proposal of the present view or a
// commit certificate.
func (e *Engine) highestOpen() consensus.Sequence {
	for n := e.high(); n > max(e.ordered, e.certified); n-- {
		if s := e.slots[n]; s != nil && (s.certificate != nil || s.view == e.view && s.proposal != nil) {
			return n
		}
	}
	return max(e.ordered, e.certified)
}

// startView votes for what the view carried over, without judging it again (R66),
// and takes up the messages that came before the NEW-VIEW (R44).
func (e *Engine) startView(out *consensus.Effects) {
	view := e.view
	for n := e.certified + 1; n <= e.carried && e.view == view && e.active(); n++ {
		if s := e.slots[n]; s != nil && s.view == view && s.proposal != nil {
			e.want(s, out)
			e.advance(s, out)
		}
	}
	e.replayLater(out)
}
