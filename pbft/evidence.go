package pbft

import (
	"bytes"
	"fmt"

	"github.com/varangian-bft/varangian/consensus"
)

// contradict reports whether no correct replica can have signed both votes, in
// any history (R47): same type, view, sequence and signer, other digest. Group and
// epoch are the same, since both signatures hold in one domain.
func contradict(a, b *Vote) bool {
	return a.Kind == b.Kind && a.Signer == b.Signer && a.Header.View == b.Header.View &&
		a.Header.Sequence == b.Header.Sequence && a.Header.Batch != b.Header.Batch
}

// accuse keeps the first proof of each view against a replica, reports it and
// passes it on (R46). The own votes stay as they are.
func (e *Engine) accuse(a, b *Vote, out *consensus.Effects) {
	assert(contradict(a, b), "evidence that proves nothing (R47)")
	if bytes.Compare(a.Header.Batch[:], b.Header.Batch[:]) > 0 {
		a, b = b, a
	}
	if old := e.accused[a.Signer]; old == nil || old.A.Header.View < a.Header.View {
		v := &Evidence{A: a, B: b}
		e.accused[a.Signer] = v
		out.Report = append(out.Report, consensus.Evidence{Against: a.Signer, A: a.frame, B: b.frame})
		e.send(v.encode(), 0, out)
	}
	if a.Kind == TypePrePrepare && a.Header.View == e.view && e.active() && a.Signer == e.primary() {
		e.changeTo(e.view+1, out)
	}
}

// onEvidence takes in a proof that another replica found. A liar can prove himself
// one for any view: beyond the first proof, only the present view counts.
func (e *Engine) onEvidence(m *Evidence, out *consensus.Effects) {
	signer := m.A.Signer
	if signer == e.self {
		if !e.forgotVote(m.A.Kind, m.A.Header, out) {
			e.forgotVote(m.B.Kind, m.B.Header, out)
		}
		return
	}
	if e.accused[signer] == nil || m.A.Header.View == e.view {
		e.accuse(m.A, m.B, out)
	}
}

// onOwnVote looks at an own vote that has come back. One that the log holds was
// passed on by others and says nothing new (R7).
func (e *Engine) onOwnVote(v *Vote, out *consensus.Effects) { e.forgotVote(v.Kind, v.Header, out) }

// forgotVote begins the recovery of a replica that is shown an own vote which its
// log does not hold, for a live sequence and a view not below its own (R7).
func (e *Engine) forgotVote(kind consensus.MessageType, h Header, out *consensus.Effects) bool {
	if h.View < e.view || h.Sequence <= e.certified || !e.started || e.recovering() {
		return false
	}
	if s := e.slots[h.Sequence]; h.View == e.view && s != nil && s.view == e.view {
		var own *Vote
		switch {
		case kind == TypePrepare:
			own = s.prepares[e.self]
		case kind == TypeCommit:
			own = s.commits[e.self]
		case s.proposal != nil:
			own = &s.proposal.Vote
		}
		if own != nil && own.Header.Batch == h.Batch {
			return false
		}
	}
	e.forget(fmt.Sprintf("%s v=%d n=%d d=%x", kindName(kind), h.View, h.Sequence, h.Batch[:4]), out)
	return true
}

// forgot looks for an own commit that the log lacks in a certificate.
func (e *Engine) forgot(c *CommitCertificate, out *consensus.Effects) bool {
	for _, v := range c.Commits {
		if v.Replica == e.self {
			return e.forgotVote(TypeCommit, c.Header, out)
		}
	}
	return false
}

// contradicted halts a replica that holds two certificates of which only one can
// be true, and keeps the second beside the first (R52).
func (e *Engine) contradicted(what string, frame []byte, out *consensus.Effects) {
	out.Append(recordProof, frame)
	e.halt(consensus.CauseFaults, fmt.Sprintf("%s: more than f=%d replicas lied; keep the log of this replica as proof", what, e.group.F), out)
}

func kindName(kind consensus.MessageType) string {
	switch kind {
	case TypePrePrepare:
		return "PRE-PREPARE"
	case TypePrepare:
		return "PREPARE"
	case TypeCommit:
		return "COMMIT"
	}
	return "message"
}
