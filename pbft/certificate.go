package pbft

import (
	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// readSignatures reads exactly count signatures of distinct members in ascending
// order (R2), none of them by except, and appends the checks they need. One
// statement serves all, because all signed the same bytes (R3).
func (c *codec) readSignatures(s *cryptobyte.String, count int, statement crypto.Statement, except consensus.ReplicaID, checks []crypto.Check) ([]Signed, []crypto.Check, bool) {
	var n uint8
	if !s.ReadUint8(&n) || int(n) != count || len(*s) < count*signedBytes {
		return nil, nil, false
	}
	list := make([]Signed, count)
	next := uint64(0)
	for i := range list {
		x := &list[i]
		if !s.ReadUint32((*uint32)(&x.Replica)) || !s.CopyBytes(x.Signature[:]) {
			return nil, nil, false
		}
		member, ok := c.group.Member(x.Replica)
		if !ok || x.Replica == except || uint64(x.Replica) < next {
			return nil, nil, false
		}
		next = uint64(x.Replica) + 1
		checks = append(checks, crypto.Check{Key: member.Key, Statement: statement, Signature: x.Signature})
	}
	return list, checks, true
}

// readPrepared reads a prepared certificate: the pre-prepare of the view's
// primary and quorum - 1 prepares of others (R38, R61).
func (c *codec) readPrepared(s *cryptobyte.String, p *PreparedCertificate, checks []crypto.Check) ([]crypto.Check, bool) {
	raw := []byte(*s)
	if !readHeader(s, &p.Header) || !s.CopyBytes(p.Primary[:]) {
		return nil, false
	}
	raw = raw[:headerBytes]
	primary := c.group.Primary(p.Header.View)
	member, ok := c.group.Member(primary)
	if !ok {
		return nil, false
	}
	checks = append(checks, crypto.Check{Key: member.Key, Statement: c.domain.Statement(byte(TypePrePrepare), raw), Signature: p.Primary})
	p.Prepares, checks, ok = c.readSignatures(s, c.group.Quorum-1, c.domain.Statement(byte(TypePrepare), raw), primary, checks)
	return checks, ok
}

// readStable reads a checkpoint with its certificate. Sequence 0 is the genesis
// state, which needs none: nil.
func (c *codec) readStable(s *cryptobyte.String, checks []crypto.Check) (*CheckpointCertificate, []crypto.Check, bool) {
	raw := []byte(*s)
	var n consensus.Sequence
	if !s.ReadUint64((*uint64)(&n)) {
		return nil, nil, false
	}
	if n == 0 {
		return nil, checks, true
	}
	out := &CheckpointCertificate{Sequence: n}
	if !c.boundary(n) || !s.CopyBytes(out.Chain[:]) {
		return nil, nil, false
	}
	ok := false
	statement := c.domain.Statement(byte(TypeCheckpoint), raw[:8+crypto.DigestSize])
	out.Votes, checks, ok = c.readSignatures(s, c.group.Quorum, statement, consensus.Everyone, checks)
	if !ok {
		return nil, nil, false
	}
	size := len(raw) - len(*s)
	out.frame = append(append(make([]byte, 0, 1+size), byte(TypeCheckpointCertificate)), raw[:size]...)
	return out, checks, true
}

// readViewChange reads a VIEW-CHANGE, which is valid as a whole or not at all
// (R60): every certificate complete, each view below the new one, each sequence
// in the window and at most once.
func (c *codec) readViewChange(frame []byte, checks []crypto.Check) (*ViewChange, []crypto.Check, bool) {
	if len(frame) < 1+8+8+4+signedBytes || frame[0] != byte(TypeViewChange) {
		return nil, nil, false
	}
	out := &ViewChange{frame: frame}
	s := cryptobyte.String(frame[1:])
	var count uint32
	ok := s.ReadUint64((*uint64)(&out.To)) && out.To > 0 && out.To < numberMax
	if !ok {
		return nil, nil, false
	}
	if out.Stable, checks, ok = c.readStable(&s, checks); !ok {
		return nil, nil, false
	}
	if !s.ReadUint32(&count) || uint64(count) > uint64(c.window) || uint64(len(s)) != uint64(count)*uint64(preparedBytes(c.group))+signedBytes {
		return nil, nil, false
	}
	out.Prepared = make([]PreparedCertificate, count)
	last := out.low()
	for i := range out.Prepared {
		p := &out.Prepared[i]
		if checks, ok = c.readPrepared(&s, p, checks); !ok {
			return nil, nil, false
		}
		n := p.Header.Sequence
		if p.Header.View >= out.To || n <= last || n-out.low() > c.window {
			return nil, nil, false
		}
		last = n
	}
	if !s.ReadUint32((*uint32)(&out.Signer)) || !s.CopyBytes(out.Signature[:]) || !s.Empty() {
		return nil, nil, false
	}
	member, ok := c.group.Member(out.Signer)
	if !ok {
		return nil, nil, false
	}
	statement := c.domain.Statement(frame[0], frame[1:len(frame)-crypto.SignatureSize])
	return out, append(checks, crypto.Check{Key: member.Key, Statement: statement, Signature: out.Signature}), true
}

func (c *codec) viewChangeFrame(frame []byte, hint consensus.Hint) (unverified, error) {
	if len(frame) >= 9 && hint.High != 0 {
		s := cryptobyte.String(frame[1:])
		var to consensus.ViewNumber
		if s.ReadUint64((*uint64)(&to)) && to <= hint.View {
			return unverified{}, consensus.ErrStale
		}
	}
	out, checks, ok := c.readViewChange(frame, nil)
	if !ok {
		return unverified{}, ErrForm
	}
	return unverified{Value: out, Checks: checks}, nil
}

// newView reads a NEW-VIEW with all that stands in it (R19). Whether its
// proposals follow from its view changes is for the engine to judge: a wrong
// list makes it go on to the next view (R63).
func (c *codec) newView(frame []byte, hint consensus.Hint) (unverified, error) {
	out := &NewView{frame: frame}
	s := cryptobyte.String(frame[1:])
	var n uint8
	if !s.ReadUint64((*uint64)(&out.View)) || !s.ReadUint8(&n) || out.View == 0 || out.View >= numberMax || int(n) != c.group.Quorum {
		return unverified{}, ErrForm
	}
	if hint.High != 0 && out.View <= hint.View {
		return unverified{}, consensus.ErrStale
	}
	var checks []crypto.Check
	next := uint64(0)
	for range n {
		var size uint32
		var raw []byte
		if !s.ReadUint32(&size) || uint64(size) > uint64(len(s)) || !s.ReadBytes(&raw, int(size)) {
			return unverified{}, ErrForm
		}
		change, more, ok := c.readViewChange(raw, checks)
		if !ok || change.To != out.View || uint64(change.Signer) < next {
			return unverified{}, ErrForm
		}
		next, checks = uint64(change.Signer)+1, more
		out.Changes = append(out.Changes, change)
	}
	checks, ok := c.readProposals(&s, out, checks)
	if !ok {
		return unverified{}, ErrForm
	}
	return unverified{Value: out, Checks: checks}, nil
}

func (c *codec) readProposals(s *cryptobyte.String, out *NewView, checks []crypto.Check) ([]crypto.Check, bool) {
	var count uint32
	if !s.ReadUint32(&count) || uint64(count) > uint64(c.window) || uint64(len(*s)) != uint64(count)*proposalBytes+crypto.SignatureSize {
		return nil, false
	}
	member, ok := c.group.Member(c.group.Primary(out.View))
	if !ok {
		return nil, false
	}
	low, _ := computeNewView(out.Changes)
	out.Proposals = make([]Proposal, count)
	for i := range out.Proposals {
		p := &out.Proposals[i]
		if !s.CopyBytes(p.Batch[:]) || !s.CopyBytes(p.Signature[:]) {
			return nil, false
		}
		h := Header{View: out.View, Sequence: low + consensus.Sequence(i) + 1, Batch: p.Batch}
		checks = append(checks, crypto.Check{Key: member.Key, Statement: c.domain.Statement(byte(TypePrePrepare), h.bytes()), Signature: p.Signature})
	}
	if !s.CopyBytes(out.Signature[:]) || !s.Empty() {
		return nil, false
	}
	statement := c.domain.Statement(out.frame[0], out.frame[1:len(out.frame)-crypto.SignatureSize])
	return append(checks, crypto.Check{Key: member.Key, Statement: statement, Signature: out.Signature}), true
}
