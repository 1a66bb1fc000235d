package wire

import (
	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A Snapshot names the whole state at a checkpoint: the write-set chain and the
// root over the partition digests (design, idea 8).
type Snapshot struct {
	Sequence consensus.Sequence
	Chain    crypto.Digest
	Root     crypto.Digest
}

// A SignedSnapshot is one replica's statement of a snapshot.
type SignedSnapshot struct {
	Snapshot
	Replica   consensus.ReplicaID
	Signature crypto.Signature
}

// Type returns consensus.TypeSnapshot.
func (SignedSnapshot) Type() consensus.MessageType { return consensus.TypeSnapshot }

// snapshotBytes is the size of the signed body.
const snapshotBytes = 8 + 2*crypto.DigestSize

func (m Snapshot) body() []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, snapshotBytes))
	b.AddUint64(uint64(m.Sequence))
	b.AddBytes(m.Chain[:])
	b.AddBytes(m.Root[:])
	return b.BytesOrPanic()
}

// Sign returns the replica's signed statement of the snapshot.
func (m Snapshot) Sign(g *consensus.Group, self consensus.ReplicaID, signer crypto.Signer) SignedSnapshot {
	st := g.Domain().Statement(byte(consensus.TypeSnapshot), m.body())
	return SignedSnapshot{Snapshot: m, Replica: self, Signature: signer.Sign(st)}
}

// Marshal returns the frame.
func (m SignedSnapshot) Marshal() []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, 1+snapshotBytes+4+crypto.SignatureSize))
	b.AddUint8(byte(consensus.TypeSnapshot))
	b.AddBytes(m.body())
	b.AddUint32(uint32(m.Replica))
	b.AddBytes(m.Signature[:])
	return b.BytesOrPanic()
}

// ReadSignedSnapshot reads a frame of consensus.TypeSnapshot.
func ReadSignedSnapshot(frame []byte, g *consensus.Group) (crypto.Unverified[consensus.Message], error) {
	var none crypto.Unverified[consensus.Message]
	var m SignedSnapshot
	s, ok := body(frame, consensus.TypeSnapshot)
	if !ok || !s.ReadUint64((*uint64)(&m.Sequence)) || !s.CopyBytes(m.Chain[:]) || !s.CopyBytes(m.Root[:]) ||
		!s.ReadUint32((*uint32)(&m.Replica)) || !s.CopyBytes(m.Signature[:]) || !s.Empty() {
		return none, ErrForm
	}
	member, ok := g.Member(m.Replica)
	if !ok {
		return none, ErrForm
	}
	st := g.Domain().Statement(byte(consensus.TypeSnapshot), frame[1:1+snapshotBytes])
	return crypto.Unverified[consensus.Message]{
		Value: m, Checks: []crypto.Check{{Key: member.Key, Statement: st, Signature: m.Signature}},
	}, nil
}

// A SnapshotCertificate proves that a quorum stated one snapshot (R93).
type SnapshotCertificate struct {
	Snapshot
	Signers []SnapshotSigner // a quorum of distinct replicas, ascending
}

// A SnapshotSigner is one signature of a certificate.
type SnapshotSigner struct {
	Replica   consensus.ReplicaID
	Signature crypto.Signature
}

// Marshal returns the one encoding of the certificate.
func (c SnapshotCertificate) Marshal() []byte {
	var b cryptobyte.Builder
	b.AddBytes(c.body())
	b.AddUint8(uint8(len(c.Signers)))
	for _, s := range c.Signers {
		b.AddUint32(uint32(s.Replica))
		b.AddBytes(s.Signature[:])
	}
	return b.BytesOrPanic()
}

// ReadSnapshotCertificate reads a certificate from the front of s, and returns the
// checks of all its signatures (R19). It refuses fewer than a quorum of distinct,
// ascending members.
func ReadSnapshotCertificate(s *cryptobyte.String, g *consensus.Group) (crypto.Unverified[SnapshotCertificate], error) {
	var out crypto.Unverified[SnapshotCertificate]
	c := &out.Value
	var count uint8
	if !s.ReadUint64((*uint64)(&c.Sequence)) || !s.CopyBytes(c.Chain[:]) || !s.CopyBytes(c.Root[:]) ||
		!s.ReadUint8(&count) || int(count) < g.Quorum || int(count) > g.N {
		return out, ErrForm
	}
	st := g.Domain().Statement(byte(consensus.TypeSnapshot), c.body())
	for i := range int(count) {
		var signer SnapshotSigner
		if !s.ReadUint32((*uint32)(&signer.Replica)) || !s.CopyBytes(signer.Signature[:]) {
			return out, ErrForm
		}
		m, ok := g.Member(signer.Replica)
		if !ok || (i > 0 && signer.Replica <= c.Signers[i-1].Replica) {
			return out, ErrForm
		}
		c.Signers = append(c.Signers, signer)
		out.Checks = append(out.Checks, crypto.Check{Key: m.Key, Statement: st, Signature: signer.Signature})
	}
	return out, nil
}
