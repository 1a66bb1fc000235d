package pbft

import (
	"maps"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// high is the high water mark. It follows the certified checkpoint at once: a
// vote above the old mark is logged after the certificate and leaves after it.
func (e *Engine) high() consensus.Sequence { return e.certified + e.window }

// votable reports whether a pre-prepare or prepare at n may have an effect (R41).
func (e *Engine) votable(n consensus.Sequence) bool {
	return n > e.certified && n-e.certified <= e.window
}

// provable reports whether a commit or commit certificate at n may have an
// effect. A replica that lags a little below the low water mark closes the gap
// with proofs; a window below it, it takes the state instead.
func (e *Engine) provable(n consensus.Sequence) bool {
	return n >= e.lowest() && (n <= e.certified || n-e.certified <= e.window)
}

// slot returns the slot of a sequence that is votable or provable.
func (e *Engine) slot(n consensus.Sequence) *slot {
	s := e.slots[n]
	if s == nil {
		s = newSlot(n, e.view, e.group.N)
		e.slots[n] = s
	}
	if s.view < e.view {
		s.enter(e.view)
	}
	return s
}

// dropSlots forgets what nobody can ask for any more: below the durable low
// water mark and the own order, with one checkpoint interval kept in memory so
// that others who lag a little need no state transfer.
func (e *Engine) dropSlots() {
	limit := min(e.low, e.ordered)
	limit = max(limit-min(limit, e.every), provableLow(e.low, e.window))
	if limit > e.dropped {
		e.dropped = limit
		maps.DeleteFunc(e.slots, func(n consensus.Sequence, _ *slot) bool { return n <= limit })
	}
}

// Batch implements consensus.Engine.
func (e *Engine) Batch(d crypto.Digest) (*consensus.Batch, bool) {
	if d == consensus.NullDigest {
		return consensus.NullBatch, true
	}
	for n := e.oldest(); n <= e.top; n++ {
		if s := e.slots[n]; s != nil {
			if h, ok := s.holds(d); ok {
				return h.batch, true
			}
		}
	}
	return nil, false
}

// onCompleted takes in a batch that a Want asked for. One that nothing here needs
// any more is dropped.
func (e *Engine) onCompleted(b *consensus.Batch, out *consensus.Effects) {
	for n := e.lowest(); n <= e.top && !e.halted; n++ {
		s := e.slots[n]
		if s == nil {
			continue
		}
		if d, lacking := s.lacks(); !lacking || d != b.Digest {
			continue
		}
		s.keep(b, 0)
		e.advance(s, out)
	}
}

// lowest is the first sequence that can still lack something. It is no more than
// two windows below the high water mark, however far this replica lags.
func (e *Engine) lowest() consensus.Sequence {
	return max(min(e.ordered, e.certified), provableLow(e.certified, e.window)) + 1
}

// oldest is the first sequence that others can be served.
func (e *Engine) oldest() consensus.Sequence {
	return max(e.dropped, provableLow(e.certified, e.window)) + 1
}

// want asks for the batch that a slot lacks, if it lacks one. What a primary proposed
// that was voted out is of no use unless a new view proposes it again (R101).
func (e *Engine) want(s *slot, out *consensus.Effects) {
	d, lacking := s.lacks()
	if !lacking || s.certificate == nil && s.view != e.view {
		return
	}
	w := consensus.Want{Sequence: s.sequence, Digest: d}
	if s.proposal != nil && s.proposal.Header.Batch == d {
		w.Content = s.proposal.Content
	}
	out.Fetch = append(out.Fetch, w)
}
