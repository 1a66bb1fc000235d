package pbft

import (
	"bytes"
	"errors"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// Errors of Decode.
var (
	ErrForm  = errors.New("pbft: not the one encoding of a message")
	ErrStale = consensus.ErrStale
)

type unverified = crypto.Unverified[consensus.Message]

// codec decodes for one group. It is immutable.
type codec struct {
	group  *consensus.Group
	domain crypto.Domain
	window consensus.Sequence
}

// NewCodec returns the codec of PBFT for a group. It is stateless and safe for
// concurrent use. With a zero Hint it refuses nothing as stale: that is how
// stored certificates are read.
func NewCodec(g *consensus.Group) consensus.Codec { return newCodec(g) }

func newCodec(g *consensus.Group) *codec {
	return &codec{group: g, domain: g.Domain(), window: consensus.Sequence(g.Genesis.Parameters.Window)}
}

// Decode implements consensus.Codec. Checks run from cheap to dear (R17), and the
// answer never depends on encoding anything again (R9).
func (c *codec) Decode(frame []byte, hint consensus.Hint) (unverified, error) {
	if len(frame) == 0 {
		return unverified{}, ErrForm
	}
	switch kind := consensus.MessageType(frame[0]); kind {
	case TypePrePrepare:
		return c.prePrepare(frame, hint)
	case TypePrepare, TypeCommit:
		return c.vote(frame, hint)
	case TypeCheckpoint:
		return c.checkpoint(frame, hint)
	case TypeViewChange:
		return c.viewChangeFrame(frame, hint)
	case TypeNewView:
		return c.newView(frame, hint)
	case TypeStatus:
		return c.status(frame)
	case TypeCommitCertificate:
		return c.commitCertificate(frame, hint)
	case TypeCheckpointCertificate:
		return c.checkpointCertificate(frame, hint)
	case TypeEvidence:
		return c.evidence(frame)
	case TypeRecall:
		return c.recall(frame)
	case TypeRecalled:
		return c.recalled(frame)
	}
	return unverified{}, ErrForm
}

// far reports whether a sequence lies outside what can matter. The caller's high
// mark may have moved since the hint, so one window more is let through.
func (c *codec) far(n, low consensus.Sequence, hint consensus.Hint) bool {
	return hint.High != 0 && (n <= low || n > hint.High && n-hint.High > c.window)
}

// provableLow is the sequence at and below which not even a proof of commitment
// matters: a replica one window behind takes the state instead.
func provableLow(low, window consensus.Sequence) consensus.Sequence {
	return low - min(low, window)
}

func readHeader(s *cryptobyte.String, h *Header) bool {
	return s.ReadUint64((*uint64)(&h.View)) && s.ReadUint64((*uint64)(&h.Sequence)) && s.CopyBytes(h.Batch[:]) &&
		h.View < numberMax && h.Sequence < numberMax && h.Sequence > 0
}

// readVote reads the signed part of a vote and gives the check that has to hold.
// Who may sign what is decided here, before any table is indexed (R4, R5).
func (c *codec) readVote(frame []byte) (v Vote, check crypto.Check, ok bool) {
	s := cryptobyte.String(frame[1:voteBytes])
	v.Kind, v.frame = consensus.MessageType(frame[0]), frame[:voteBytes:voteBytes]
	if !readHeader(&s, &v.Header) || !s.ReadUint32((*uint32)(&v.Signer)) || !s.CopyBytes(v.Signature[:]) {
		return Vote{}, check, false
	}
	member, ok := c.group.Member(v.Signer)
	primary := v.Signer == c.group.Primary(v.Header.View)
	if !ok || v.Kind == TypePrePrepare && !primary || v.Kind == TypePrepare && primary {
		return Vote{}, check, false
	}
	check = crypto.Check{Key: member.Key, Statement: c.domain.Statement(frame[0], frame[1:1+headerBytes]), Signature: v.Signature}
	return v, check, true
}

func (c *codec) vote(frame []byte, hint consensus.Hint) (unverified, error) {
	if len(frame) != voteBytes {
		return unverified{}, ErrForm
	}
	v, check, ok := c.readVote(frame)
	if !ok {
		return unverified{}, ErrForm
	}
	low := hint.Low
	if v.Kind == TypeCommit {
		low = provableLow(low, c.window)
	}
	if c.far(v.Header.Sequence, low, hint) || v.Header.View < hint.View {
		return unverified{}, consensus.ErrStale
	}
	return unverified{Value: &v, Checks: []crypto.Check{check}}, nil
}

func (c *codec) prePrepare(frame []byte, hint consensus.Hint) (unverified, error) {
	p := &c.group.Genesis.Parameters
	if len(frame) < voteBytes || uint64(len(frame)) > prePrepareBytesMax(p) {
		return unverified{}, ErrForm
	}
	v, check, ok := c.readVote(frame)
	if !ok {
		return unverified{}, ErrForm
	}
	if c.far(v.Header.Sequence, hint.Low, hint) || v.Header.View < hint.View {
		return unverified{}, consensus.ErrStale
	}
	out := &PrePrepare{Vote: v, wire: frame}
	if v.Header.Batch == consensus.NullDigest {
		return c.fill(out, check)
	}
	if raw := frame[voteBytes:]; len(raw) > 0 {
		content, ok := consensus.ReadContent(raw, p)
		if !ok || crypto.Hash(crypto.KindBatch, raw) != v.Header.Batch {
			return unverified{}, ErrForm
		}
		out.Content = &content
	}
	return unverified{Value: out, Checks: []crypto.Check{check}}, nil
}

// fill reads the rest of a proposal of the null batch. Outside of a NEW-VIEW it is
// valid only beside the question of a member that recovers and needs this sequence
// ordered: a primary that fills gaps at its will could order nothing else (R74).
func (c *codec) fill(out *PrePrepare, vote crypto.Check) (unverified, error) {
	m, check, ok := c.readRecall(out.wire[voteBytes:])
	if !ok || out.Header.Sequence > m.Fill {
		return unverified{}, ErrForm
	}
	out.Fill = m
	return unverified{Value: out, Checks: []crypto.Check{vote, check}}, nil
}

func (c *codec) checkpoint(frame []byte, hint consensus.Hint) (unverified, error) {
	if len(frame) != checkpointBytes {
		return unverified{}, ErrForm
	}
	out := &Checkpoint{frame: frame}
	s := cryptobyte.String(frame[1:])
	if !s.ReadUint64((*uint64)(&out.Sequence)) || !s.CopyBytes(out.Chain[:]) ||
		!s.ReadUint32((*uint32)(&out.Signer)) || !s.CopyBytes(out.Signature[:]) || !c.boundary(out.Sequence) {
		return unverified{}, ErrForm
	}
	member, ok := c.group.Member(out.Signer)
	if !ok {
		return unverified{}, ErrForm
	}
	if hint.High != 0 && out.Sequence <= hint.Low {
		return unverified{}, consensus.ErrStale
	}
	statement := c.domain.Statement(frame[0], frame[1:1+8+crypto.DigestSize])
	return unverified{Value: out, Checks: []crypto.Check{{Key: member.Key, Statement: statement, Signature: out.Signature}}}, nil
}

// boundary reports whether a checkpoint may be taken at n (R48).
func (c *codec) boundary(n consensus.Sequence) bool {
	return n > 0 && n < numberMax && uint64(n)%c.group.Genesis.Parameters.CheckpointInterval == 0
}

func (c *codec) commitCertificate(frame []byte, hint consensus.Hint) (unverified, error) {
	out := &CommitCertificate{frame: frame}
	s := cryptobyte.String(frame[1:])
	if !readHeader(&s, &out.Header) || len(s) != 1+c.group.Quorum*signedBytes {
		return unverified{}, ErrForm
	}
	if c.far(out.Header.Sequence, provableLow(hint.Low, c.window), hint) {
		return unverified{}, consensus.ErrStale
	}
	statement := c.domain.Statement(byte(TypeCommit), frame[1:1+headerBytes])
	list, checks, ok := c.readSignatures(&s, c.group.Quorum, statement, consensus.Everyone, nil)
	out.Commits = list
	if !ok || !s.Empty() {
		return unverified{}, ErrForm
	}
	return unverified{Value: out, Checks: checks}, nil
}

func (c *codec) checkpointCertificate(frame []byte, hint consensus.Hint) (unverified, error) {
	s := cryptobyte.String(frame[1:])
	out, checks, ok := c.readStable(&s, nil)
	if !ok || out == nil || !s.Empty() {
		return unverified{}, ErrForm
	}
	out.frame = frame
	if hint.High != 0 && out.Sequence <= hint.Low {
		return unverified{}, consensus.ErrStale
	}
	return unverified{Value: out, Checks: checks}, nil
}

func (c *codec) evidence(frame []byte) (unverified, error) {
	if len(frame) != 1+2*voteBytes {
		return unverified{}, ErrForm
	}
	a, checkA, okA := c.evidenceVote(frame[1 : 1+voteBytes])
	b, checkB, okB := c.evidenceVote(frame[1+voteBytes:])
	if !okA || !okB || !contradict(&a, &b) || bytes.Compare(a.Header.Batch[:], b.Header.Batch[:]) >= 0 {
		return unverified{}, ErrForm
	}
	return unverified{Value: &Evidence{A: &a, B: &b}, Checks: []crypto.Check{checkA, checkB}}, nil
}

func (c *codec) evidenceVote(frame []byte) (Vote, crypto.Check, bool) {
	switch consensus.MessageType(frame[0]) {
	case TypePrePrepare, TypePrepare, TypeCommit:
		return c.readVote(frame)
	}
	return Vote{}, crypto.Check{}, false
}
