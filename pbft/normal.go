package pbft

import (
	"fmt"

	"github.com/varangian-bft/varangian/consensus"
)

// Room implements consensus.Engine. A primary stops at the high water mark (R43)
// and proposes only after its own NEW-VIEW is durable (R77).
func (e *Engine) Room() int {
	if e.halted || !e.started || !e.active() || !e.mayVote() || e.primary() != e.self || e.newViewAt > e.persisted || e.transferring {
		return 0
	}
	next := e.nextProposal()
	open := int(next - 1 - min(e.ordered, next-1))
	return max(0, min(int(e.high()-min(next-1, e.high())), e.cfg.BatchesInFlight-open))
}

// nextProposal is the sequence of the next fresh proposal: above everything that
// the new view carried over and above the checkpoint (R77).
func (e *Engine) nextProposal() consensus.Sequence {
	return max(e.proposed, e.carried, e.certified) + 1
}

// onSubmitted proposes a batch as primary.
func (e *Engine) onSubmitted(b *consensus.Batch, out *consensus.Effects) {
	assert(e.Room() > 0, "a batch was submitted without room")
	s := e.slot(e.nextProposal())
	assert(s.proposal == nil && e.votable(s.sequence), "own proposal made twice (R36)")
	v := newVote(TypePrePrepare, Header{View: e.view, Sequence: s.sequence, Batch: b.Digest}, e.self, e.domain, e.cfg.Signer)
	s.proposal, s.fresh = newPrePrepare(v, &b.Content), true
	s.keep(b, 0)
	e.proposed, e.top = s.sequence, max(e.top, s.sequence)
	e.accept(s, nil, out)
	e.send(s.proposal.wire, s.votedAt, out)
	e.advance(s, out)
}

// onPrePrepare accepts the primary's proposal (R35). Another digest for a
// sequence with a proposal is evidence, and changes no vote (R46). What a NEW-VIEW
// carried over has a proposal already, so fresh ones come above it (R77).
func (e *Engine) onPrePrepare(m *PrePrepare, out *consensus.Effects) {
	h := m.Header
	if m.Signer == e.self {
		e.onOwnVote(&m.Vote, out)
		return
	}
	if h.View > e.view {
		e.keepForLater(m.Signer, m)
		return
	}
	if h.View < e.view || !e.active() || !e.votable(h.Sequence) {
		return
	}
	s := e.slot(h.Sequence)
	if s.proposal != nil {
		e.onProposalAgain(s, m, out)
		return
	}
	s.proposal, s.fresh = m, m.Fill == nil
	e.proposed, e.top = max(e.proposed, h.Sequence), max(e.top, h.Sequence)
	for _, v := range s.prepares {
		e.confront(s, v, out)
	}
	e.want(s, out)
	e.advance(s, out)
}

func (e *Engine) onProposalAgain(s *slot, m *PrePrepare, out *consensus.Effects) {
	if s.proposal.Header.Batch != m.Header.Batch {
		e.accuse(&s.proposal.Vote, &m.Vote, out)
		return
	}
	if s.proposal.Content == nil && m.Content != nil {
		s.proposal.Content, s.proposal.wire = m.Content, m.wire
		e.want(s, out)
	}
}

// onVote takes in a prepare or commit of another replica. Votes that come before
// their pre-prepare are kept, one for each sender, type and sequence.
func (e *Engine) onVote(v *Vote, out *consensus.Effects) {
	h := v.Header
	if v.Signer == e.self {
		e.onOwnVote(v, out)
		return
	}
	if h.View > e.view {
		e.keepForLater(v.Signer, v)
		return
	}
	if h.View < e.view {
		return
	}
	if v.Kind == TypeCommit && !e.provable(h.Sequence) ||
		v.Kind == TypePrepare && (!e.active() || !e.votable(h.Sequence)) {
		return
	}
	s := e.slot(h.Sequence)
	votes := s.prepares
	if v.Kind == TypeCommit {
		votes = s.commits
	}
	if old := votes[v.Signer]; old != nil {
		if old.Header.Batch != h.Batch {
			e.accuse(old, v, out)
		}
		return
	}
	votes[v.Signer] = v
	if v.Kind == TypePrepare {
		e.confront(s, v, out)
	}
	e.advance(s, out)
}

// confront shows a replica that prepared another batch what the primary signed
// here: one of the two lies, and if it is the primary, the other replica now holds
// the proof (R46). At most once for each replica and slot in a view (R105). A null
// batch is signed in the NEW-VIEW only, and nobody takes it alone (R74).
func (e *Engine) confront(s *slot, v *Vote, out *consensus.Effects) {
	if v == nil || s.proposal == nil || v.Header.Batch == s.proposal.Header.Batch || s.confronted>>v.Signer&1 == 1 ||
		s.proposal.Header.Batch == consensus.NullDigest {
		return
	}
	s.confronted |= 1 << v.Signer
	after := consensus.Position(0)
	if s.proposal.Signer == e.self { // an own promise, which a crash may still undo (R78)
		after = max(s.votedAt, e.newViewAt)
	}
	out.Send = append(out.Send, consensus.Outbound{To: v.Signer, Class: consensus.ClassStatus, Frame: s.proposal.frame, After: after})
}

// advance takes a slot as far as its votes allow, and then executes every
// committed slot that no gap holds back.
func (e *Engine) advance(s *slot, out *consensus.Effects) {
	e.prepare(s, out)
	e.commit(s, out)
	e.certify(s, out)
	e.logCertificate(s, out)
	e.execute(out)
}

// open reports whether this replica may vote at a slot in its view.
func (e *Engine) open(s *slot) bool {
	return e.started && !e.halted && e.active() && s.view == e.view && s.proposal != nil && e.votable(s.sequence) && e.mayVote()
}

// prepare votes for a proposal that is here in full (R21) and timely (R37). It
// does not vote against a commit certificate, which proves that the primary lies.
func (e *Engine) prepare(s *slot, out *consensus.Effects) {
	if !e.open(s) || s.votedAt != 0 {
		return
	}
	h := s.proposal.Header
	held, ok := s.holds(h.Batch)
	if !ok || s.fresh && !e.timely(held.batch.Content.Time) || s.certificate != nil && s.certificate.Header.Batch != h.Batch {
		return
	}
	if e.self == e.primary() {
		e.accept(s, nil, out)
		return
	}
	assert(s.prepares[e.self] == nil, "own prepare made twice (R36)")
	v := newVote(TypePrepare, h, e.self, e.domain, e.cfg.Signer)
	s.prepares[e.self] = v
	e.accept(s, v, out)
	e.send(v.frame, s.votedAt, out)
}

// accept logs the proposal, the batch unless the log has it, and the own prepare
// if there is one: one record, so one sync (R21, R78).
func (e *Engine) accept(s *slot, own *Vote, out *consensus.Effects) {
	h := s.proposal.Header
	held, _ := s.holds(h.Batch)
	body := held.batch
	if held.at != 0 || body.Null() {
		body = nil
	}
	s.votedAt = e.record(recordProposal, s.sequence, proposalRecord(&s.proposal.Vote, own, body), out)
	if body != nil {
		s.logged(h.Batch, s.votedAt)
	}
}

// commit votes once the batch prepared. The certificate goes into the log with
// the vote (R38). A proposal that this replica's own clock held back may prepare
// by the votes of others: a quorum judged its time.
func (e *Engine) commit(s *slot, out *consensus.Effects) {
	if !e.open(s) || s.commitAt != 0 {
		return
	}
	h := s.proposal.Header
	if _, ok := s.holds(h.Batch); !ok || s.certificate != nil && s.certificate.Header.Batch != h.Batch {
		return
	}
	prepares, _ := agreeing(s.prepares, h.Batch, e.self, e.group.Quorum-1)
	if prepares == nil {
		return
	}
	if s.votedAt == 0 {
		e.accept(s, nil, out)
	}
	assert(s.commits[e.self] == nil, "own commit made twice (R36)")
	assert(s.prepared == nil || s.prepared.Header.View < e.view, "a certificate of a lower view would win (R59)")
	s.prepared = &PreparedCertificate{Header: h, Primary: s.proposal.Signature, Prepares: prepares}
	v := newVote(TypeCommit, h, e.self, e.domain, e.cfg.Signer)
	s.commits[e.self] = v
	s.commitAt = e.record(recordPrepared, s.sequence, preparedRecord(s.prepared, v), out)
	e.send(v.frame, s.commitAt, out)
}

// certify makes a certificate of a quorum of equal commits of one view (R39).
func (e *Engine) certify(s *slot, out *consensus.Effects) {
	if s.certificate != nil {
		return
	}
	var last *Vote
	for _, v := range s.commits {
		if v == nil || last != nil && last.Header.Batch == v.Header.Batch {
			continue
		}
		last = v
		if commits, own := agreeing(s.commits, v.Header.Batch, e.self, e.group.Quorum); commits != nil {
			after := consensus.Position(0)
			if own {
				after = s.commitAt
			}
			e.committed(s, newCommitCertificate(v.Header, commits), after, out)
			return
		}
	}
}

// committed adopts a commit certificate, and asks for the batch if it is not here.
func (e *Engine) committed(s *slot, c *CommitCertificate, after consensus.Position, out *consensus.Effects) {
	s.certificate, s.executeAfter = c, after
	e.noteCommitted(c)
	e.top = max(e.top, s.sequence)
	if s.proposal == nil || s.proposal.Header.Batch != c.Header.Batch || s.proposal.Content == nil {
		e.want(s, out)
	}
}

// onCommitCertificate takes in a proof from anyone, of any view (R39).
func (e *Engine) onCommitCertificate(c *CommitCertificate, out *consensus.Effects) {
	n := c.Header.Sequence
	if s := e.slots[n]; s != nil && s.certificate != nil {
		if s.certificate.Header.Batch != c.Header.Batch {
			if s.certificateAt == 0 { // without its batch it is in no record yet
				out.Append(recordProof, s.certificate.frame)
			}
			e.contradicted(fmt.Sprintf("two batches are certified for sequence %d", n), c.frame, out)
		}
		return
	}
	if !e.provable(n) || e.forgot(c, out) {
		return
	}
	s := e.slot(n)
	e.committed(s, c, 0, out)
	e.advance(s, out)
}

// logCertificate records certificate and batch, so that a restart executes again
// without help (R85). Nothing waits for this record: whoever forgets a
// certificate can be given it again.
func (e *Engine) logCertificate(s *slot, out *consensus.Effects) {
	if s.certificate == nil || s.certificateAt != 0 || !e.started {
		return
	}
	held, ok := s.holds(s.certificate.Header.Batch)
	if !ok {
		return
	}
	body := held.batch
	if held.at != 0 || body.Null() {
		body = nil
	}
	s.certificateAt = e.record(recordCommitted, s.sequence, committedRecord(s.certificate, body), out)
	if body != nil {
		s.logged(body.Digest, s.certificateAt)
	}
}

// execute hands out committed batches in order, each once (R40). A batch that was
// executed in an earlier view is not executed again (R65). Between Behind and
// Installed it waits for the state.
func (e *Engine) execute(out *consensus.Effects) {
	for e.started && !e.halted && !e.transferring && !e.backlogged() {
		s := e.slots[e.ordered+1]
		if s == nil || s.certificate == nil {
			return
		}
		held, ok := s.holds(s.certificate.Header.Batch)
		if !ok {
			return
		}
		e.ordered++
		e.fillOrdered(s)
		out.Execute = append(out.Execute, consensus.Execute{Sequence: e.ordered, Batch: held.batch, After: s.executeAfter})
	}
}

// backlogged reports whether two windows of batches are executed here or wait for it,
// and are not on disk. A quorum that certifies checkpoints without this replica moves
// its window however slow it is, and what is handed out takes memory until it is stored
// (R101, R125): then it fetches the state that it does not reach (R54).
func (e *Engine) backlogged() bool { return e.ordered >= e.flushed.sequence+2*e.window }

// timely judges a fresh proposal's time by the own clock (R37). Both bounds double
// with each fruitless view change, so that skewed clocks cannot stop a group.
func (e *Engine) timely(t consensus.Time) bool {
	if e.now.IsZero() {
		return false
	}
	drift := e.group.Genesis.Parameters.DriftMax
	ahead := doubled(drift, e.fruitless)
	behind := doubled(max(drift, e.cfg.TimeoutMax), e.fruitless)
	now := consensus.Time(e.now.UnixNano())
	if t > now {
		return uint64(t)-uint64(now) <= uint64(ahead)
	}
	return uint64(now)-uint64(t) <= uint64(behind)
}

// executedInView reports whether a batch that carries requests committed at n in
// the present view.
func (e *Engine) executedInView(n consensus.Sequence) bool {
	s := e.slots[n]
	return s != nil && s.certificate != nil && s.certificate.Header.View == e.view && s.certificate.Header.Batch != consensus.NullDigest
}
