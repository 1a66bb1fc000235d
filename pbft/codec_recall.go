package pbft

import (
	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// recallBytes is the size of a RECALL.
const recallBytes = 1 + 16 + 4 + 8 + signedBytes

// newRecall signs a question.
func newRecall(m Recall, self consensus.ReplicaID, domain crypto.Domain, signer crypto.Signer) *Recall {
	b := cryptobyte.NewFixedBuilder(make([]byte, 0, recallBytes))
	b.AddUint8(uint8(TypeRecall))
	b.AddBytes(m.Nonce[:])
	b.AddUint32(m.Round)
	b.AddUint64(uint64(m.Fill))
	b.AddUint32(uint32(self))
	body := b.BytesOrPanic()
	m.Signer = self
	m.Signature = signer.Sign(domain.Statement(byte(TypeRecall), body[1:]))
	m.frame = append(body, m.Signature[:]...)
	return &m
}

func (c *codec) recall(frame []byte) (unverified, error) {
	m, check, ok := c.readRecall(frame)
	if !ok {
		return unverified{}, ErrForm
	}
	return unverified{Value: m, Checks: []crypto.Check{check}}, nil
}

func (c *codec) readRecall(frame []byte) (*Recall, crypto.Check, bool) {
	m := &Recall{frame: frame}
	if len(frame) != recallBytes || frame[0] != byte(TypeRecall) {
		return nil, crypto.Check{}, false
	}
	s := cryptobyte.String(frame[1:])
	if !s.CopyBytes(m.Nonce[:]) || !s.ReadUint32(&m.Round) || !s.ReadUint64((*uint64)(&m.Fill)) ||
		!s.ReadUint32((*uint32)(&m.Signer)) || !s.CopyBytes(m.Signature[:]) || m.Fill >= numberMax {
		return nil, crypto.Check{}, false
	}
	member, ok := c.group.Member(m.Signer)
	if !ok {
		return nil, crypto.Check{}, false
	}
	statement := c.domain.Statement(frame[0], frame[1:recallBytes-crypto.SignatureSize])
	return m, crypto.Check{Key: member.Key, Statement: statement, Signature: m.Signature}, true
}

// recalledCountMax bounds the frames in an answer: a checkpoint certificate, a
// CHECKPOINT, a VIEW-CHANGE, and of each open sequence a pre-prepare or prepare and
// a commit.
func recalledCountMax(window consensus.Sequence) uint64 { return 3 + 2*uint64(window) }

// recalledBytesMax is the size of the largest answer. It is below that of the
// largest NEW-VIEW (R76).
func recalledBytesMax(g *consensus.Group) uint64 {
	window := g.Genesis.Parameters.Window
	stable := 1 + 8 + crypto.DigestSize + 1 + uint64(g.Quorum)*signedBytes
	return 1 + 16 + 4 + 4 + 4*recalledCountMax(consensus.Sequence(window)) +
		stable + checkpointBytes + viewChangeBytesMax(g) + 2*window*voteBytes
}

// recalledFrame puts an answer together.
func recalledFrame(m *Recall, frames [][]byte) []byte {
	var b cryptobyte.Builder
	b.AddUint8(uint8(TypeRecalled))
	b.AddBytes(m.Nonce[:])
	b.AddUint32(m.Round)
	b.AddUint32(uint32(len(frames)))
	for _, f := range frames {
		b.AddUint32(uint32(len(f)))
		b.AddBytes(f)
	}
	return b.BytesOrPanic()
}

// recalled reads an answer with all that stands in it (R19). Hints do not count:
// it has to show what its sender holds, stale here or not.
func (c *codec) recalled(frame []byte) (unverified, error) {
	m := &Recalled{}
	s := cryptobyte.String(frame[1:])
	var count uint32
	if !s.CopyBytes(m.Nonce[:]) || !s.ReadUint32(&m.Round) || !s.ReadUint32(&count) || uint64(count) > recalledCountMax(c.window) {
		return unverified{}, ErrForm
	}
	out := unverified{Value: m}
	last := 0
	for range count {
		var size uint32
		var raw []byte
		if !s.ReadUint32(&size) || size == 0 || uint64(size) > uint64(len(s)) || !s.ReadBytes(&raw, int(size)) {
			return unverified{}, ErrForm
		}
		place := recalledPlace(consensus.MessageType(raw[0]))
		if place < last || place == last && place != placeOfVotes {
			return unverified{}, ErrForm
		}
		last = place
		part, err := c.recalledPart(consensus.MessageType(raw[0]), raw)
		if err != nil {
			return unverified{}, err
		}
		out.Checks = append(out.Checks, part.Checks...)
		if certificate, ok := part.Value.(*CheckpointCertificate); ok {
			m.Stable = certificate
			continue
		}
		m.Signed = append(m.Signed, part.Value)
	}
	if !s.Empty() {
		return unverified{}, ErrForm
	}
	return out, nil
}

// recalledPlace is where a kind of message stands in an answer: only votes stand
// there more than once.
func recalledPlace(kind consensus.MessageType) int {
	switch kind {
	case TypeCheckpointCertificate:
		return 1
	case TypeCheckpoint:
		return placeOfVotes + 1
	case TypeViewChange:
		return placeOfVotes + 2
	}
	return placeOfVotes
}

const placeOfVotes = 2

func (c *codec) recalledPart(kind consensus.MessageType, raw []byte) (unverified, error) {
	switch kind {
	case TypeCheckpointCertificate:
		return c.checkpointCertificate(raw, consensus.Hint{})
	case TypeCheckpoint:
		return c.checkpoint(raw, consensus.Hint{})
	case TypeViewChange:
		return c.viewChangeFrame(raw, consensus.Hint{})
	}
	if len(raw) != voteBytes {
		return unverified{}, ErrForm
	}
	// The signed part alone: of a null batch that is more than a PRE-PREPARE may be.
	v, check, ok := c.evidenceVote(raw)
	if !ok {
		return unverified{}, ErrForm
	}
	return unverified{Value: &v, Checks: []crypto.Check{check}}, nil
}
