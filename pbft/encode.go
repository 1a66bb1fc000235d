package pbft

import (
	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// Sizes of encodings in bytes.
const (
	headerBytes     = 8 + 8 + crypto.DigestSize
	signedBytes     = 4 + crypto.SignatureSize
	voteBytes       = 1 + headerBytes + signedBytes
	checkpointBytes = 1 + 8 + crypto.DigestSize + signedBytes
	proposalBytes   = crypto.DigestSize + crypto.SignatureSize
)

func (h Header) marshal(b *cryptobyte.Builder) {
	b.AddUint64(uint64(h.View))
	b.AddUint64(uint64(h.Sequence))
	b.AddBytes(h.Batch[:])
}

// bytes is what signatures of the header cover.
func (h Header) bytes() []byte {
	b := cryptobyte.NewFixedBuilder(make([]byte, 0, headerBytes))
	h.marshal(b)
	return b.BytesOrPanic()
}

func addSignatures(b *cryptobyte.Builder, list []Signed) {
	b.AddUint8(uint8(len(list)))
	for i := range list {
		b.AddUint32(uint32(list[i].Replica))
		b.AddBytes(list[i].Signature[:])
	}
}

// newVote signs a header and returns the vote with its frame.
func newVote(kind consensus.MessageType, h Header, self consensus.ReplicaID, domain crypto.Domain, signer crypto.Signer) *Vote {
	return voteOf(kind, h, self, signer.Sign(domain.Statement(byte(kind), h.bytes())))
}

// voteOf puts together the frame of a vote whose signature is known.
func voteOf(kind consensus.MessageType, h Header, signer consensus.ReplicaID, sig crypto.Signature) *Vote {
	b := cryptobyte.NewFixedBuilder(make([]byte, 0, voteBytes))
	b.AddUint8(uint8(kind))
	h.marshal(b)
	b.AddUint32(uint32(signer))
	b.AddBytes(sig[:])
	return &Vote{Kind: kind, Header: h, Signer: signer, Signature: sig, frame: b.BytesOrPanic()}
}

// newPrePrepare puts a proposal together with its content; nil if the content is
// not to be sent along.
func newPrePrepare(v *Vote, content *consensus.Content) *PrePrepare {
	p := &PrePrepare{Vote: *v, Content: content, wire: v.frame}
	if content != nil {
		raw := content.Marshal()
		p.wire = make([]byte, 0, voteBytes+len(raw))
		p.wire = append(append(p.wire, v.frame...), raw...)
		p.frame = p.wire[:voteBytes:voteBytes]
	}
	return p
}

func checkpointBody(n consensus.Sequence, chain crypto.Digest) []byte {
	b := cryptobyte.NewFixedBuilder(make([]byte, 0, 8+crypto.DigestSize))
	b.AddUint64(uint64(n))
	b.AddBytes(chain[:])
	return b.BytesOrPanic()
}

func newCheckpoint(n consensus.Sequence, chain crypto.Digest, self consensus.ReplicaID, domain crypto.Domain, signer crypto.Signer) *Checkpoint {
	body := checkpointBody(n, chain)
	c := &Checkpoint{Sequence: n, Chain: chain, Signer: self, Signature: signer.Sign(domain.Statement(byte(TypeCheckpoint), body))}
	b := cryptobyte.NewFixedBuilder(make([]byte, 0, checkpointBytes))
	b.AddUint8(uint8(TypeCheckpoint))
	b.AddBytes(body)
	b.AddUint32(uint32(self))
	b.AddBytes(c.Signature[:])
	c.frame = b.BytesOrPanic()
	return c
}

func newCheckpointCertificate(n consensus.Sequence, chain crypto.Digest, votes []Signed) *CheckpointCertificate {
	b := cryptobyte.NewBuilder(make([]byte, 0, checkpointBytes+1+len(votes)*signedBytes))
	b.AddUint8(uint8(TypeCheckpointCertificate))
	b.AddBytes(checkpointBody(n, chain))
	addSignatures(b, votes)
	return &CheckpointCertificate{Sequence: n, Chain: chain, Votes: votes, frame: b.BytesOrPanic()}
}

func newCommitCertificate(h Header, commits []Signed) *CommitCertificate {
	b := cryptobyte.NewBuilder(make([]byte, 0, 1+headerBytes+1+len(commits)*signedBytes))
	b.AddUint8(uint8(TypeCommitCertificate))
	h.marshal(b)
	addSignatures(b, commits)
	return &CommitCertificate{Header: h, Commits: commits, frame: b.BytesOrPanic()}
}

func (p *PreparedCertificate) marshal(b *cryptobyte.Builder) {
	p.Header.marshal(b)
	b.AddBytes(p.Primary[:])
	addSignatures(b, p.Prepares)
}

// signViewChange fills in signer, signature and frame.
func signViewChange(c *ViewChange, self consensus.ReplicaID, domain crypto.Domain, signer crypto.Signer) {
	var b cryptobyte.Builder
	b.AddUint8(uint8(TypeViewChange))
	b.AddUint64(uint64(c.To))
	b.AddUint64(uint64(c.low()))
	if c.Stable != nil {
		b.AddBytes(c.Stable.Chain[:])
		addSignatures(&b, c.Stable.Votes)
	}
	b.AddUint32(uint32(len(c.Prepared)))
	for i := range c.Prepared {
		c.Prepared[i].marshal(&b)
	}
	b.AddUint32(uint32(self))
	body := b.BytesOrPanic()
	c.Signer = self
	c.Signature = signer.Sign(domain.Statement(byte(TypeViewChange), body[1:]))
	c.frame = append(body, c.Signature[:]...)
}

// signNewView fills in signature and frame.
func signNewView(v *NewView, domain crypto.Domain, signer crypto.Signer) {
	var b cryptobyte.Builder
	b.AddUint8(uint8(TypeNewView))
	b.AddUint64(uint64(v.View))
	b.AddUint8(uint8(len(v.Changes)))
	for _, c := range v.Changes {
		b.AddUint32(uint32(len(c.frame)))
		b.AddBytes(c.frame)
	}
	b.AddUint32(uint32(len(v.Proposals)))
	for i := range v.Proposals {
		b.AddBytes(v.Proposals[i].Batch[:])
		b.AddBytes(v.Proposals[i].Signature[:])
	}
	body := b.BytesOrPanic()
	v.Signature = signer.Sign(domain.Statement(byte(TypeNewView), body[1:]))
	v.frame = append(body, v.Signature[:]...)
}

// encode returns the frame of a status.
func (s *Status) encode() []byte {
	var b cryptobyte.Builder
	b.AddUint8(uint8(TypeStatus))
	b.AddUint64(uint64(s.View))
	b.AddUint64(uint64(s.ChangingTo))
	b.AddUint64(uint64(s.Low))
	b.AddUint64(uint64(s.Ordered))
	var mask uint64
	for i, v := range s.Changes {
		if v != 0 {
			mask |= 1 << i
		}
	}
	b.AddUint64(mask)
	for _, v := range s.Changes {
		if v != 0 {
			b.AddUint64(uint64(v))
		}
	}
	b.AddUint32(uint32(len(s.Slots)))
	for i := range s.Slots {
		b.AddUint8(s.Slots[i].Flags)
		b.AddUint64(s.Slots[i].Prepares)
		b.AddUint64(s.Slots[i].Commits)
	}
	b.AddUint32(uint32(len(s.Checkpoints)))
	for _, m := range s.Checkpoints {
		b.AddUint64(m)
	}
	return b.BytesOrPanic()
}

// encode returns the frame of an evidence message.
func (v *Evidence) encode() []byte {
	out := append(make([]byte, 0, 1+2*voteBytes), byte(TypeEvidence))
	return append(append(out, v.A.frame...), v.B.frame...)
}
