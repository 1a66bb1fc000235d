package pbft

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// samples makes one frame of every type for a group of four.
func samples(g *consensus.Group, signers []crypto.Signer, batch *consensus.Batch) map[string][]byte {
	d := g.Domain()
	h := Header{View: 0, Sequence: 3, Batch: batch.Digest}
	pre := newVote(TypePrePrepare, h, 0, d, signers[0])
	signed := func(kind consensus.MessageType, by ...consensus.ReplicaID) (list []Signed) {
		for _, i := range by {
			list = append(list, Signed{Replica: i, Signature: newVote(kind, h, i, d, signers[i]).Signature})
		}
		return list
	}
	var votes []Signed
	n := consensus.Sequence(g.Genesis.Parameters.CheckpointInterval)
	for i := range consensus.ReplicaID(3) {
		votes = append(votes, Signed{Replica: i, Signature: newCheckpoint(n, crypto.Digest{1}, i, d, signers[i]).Signature})
	}
	stable := newCheckpointCertificate(n, crypto.Digest{1}, votes)
	nv := &NewView{View: 1}
	for i := range consensus.ReplicaID(3) {
		c := &ViewChange{To: 1, Stable: stable}
		if i == 2 {
			c.Stable = nil
			c.Prepared = []PreparedCertificate{{Header: h, Primary: pre.Signature, Prepares: signed(TypePrepare, 1, 2)}}
		}
		signViewChange(c, i, d, signers[i])
		nv.Changes = append(nv.Changes, c)
	}
	low, _ := computeNewView(nv.Changes)
	o := Header{View: 1, Sequence: low + 1, Batch: consensus.NullDigest}
	nv.Proposals = []Proposal{{Batch: o.Batch, Signature: newVote(TypePrePrepare, o, 1, d, signers[1]).Signature}}
	signNewView(nv, d, signers[1])
	other := newVote(TypePrePrepare, Header{Sequence: 3, Batch: crypto.Digest{}}, 0, d, signers[0])
	st := &Status{View: 1, ChangingTo: 2, Changes: []consensus.ViewNumber{0, 0, 2, 0}, Slots: []SlotStatus{{Flags: hasProposal, Prepares: 5}}, Checkpoints: []uint64{3}}
	recall := newRecall(Recall{Nonce: consensus.Nonce{1}, Round: 2, Fill: 3}, 3, d, signers[3])
	null := newVote(TypePrePrepare, Header{Sequence: 3, Batch: consensus.NullDigest}, 0, d, signers[0])
	return map[string][]byte{
		"recall": recall.frame, "null pre-prepare": append(bytes.Clone(null.frame), recall.frame...),
		"recalled":    recalledFrame(recall, [][]byte{stable.frame, pre.frame, newCheckpoint(n, crypto.Digest{1}, 3, d, signers[3]).frame, nv.Changes[2].frame}),
		"pre-prepare": newPrePrepare(pre, &batch.Content).wire, "bare pre-prepare": pre.frame,
		"prepare": newVote(TypePrepare, h, 2, d, signers[2]).frame, "commit": newVote(TypeCommit, h, 0, d, signers[0]).frame,
		"checkpoint":         newCheckpoint(n, crypto.Digest{1}, 3, d, signers[3]).frame,
		"commit certificate": newCommitCertificate(h, signed(TypeCommit, 0, 2, 3)).frame, "checkpoint certificate": stable.frame,
		"view change": nv.Changes[2].frame, "new view": nv.frame, "status": st.encode(), "evidence": (&Evidence{A: other, B: pre}).encode(),
	}
}

// ed25519Group makes a group of four with real signatures.
func ed25519Group(t testing.TB) (*consensus.Group, []crypto.Signer, crypto.Scheme) {
	scheme := crypto.Ed25519
	g := consensus.Genesis{Name: "real", Engine: "pbft", Faults: 1, Parameters: consensus.DefaultParameters()}
	var signers []crypto.Signer
	for i := range 4 {
		signers = append(signers, scheme.NewSigner(crypto.Seed{1, byte(i)}))
		g.Replicas = append(g.Replicas, consensus.Member{
			Name: fmt.Sprint(i), Key: signers[i].Public(), Transport: scheme.NewSigner(crypto.Seed{2, byte(i)}).Public(),
		})
	}
	group, err := consensus.NewGroup(g, scheme)
	if err != nil {
		t.Fatal(err)
	}
	return group, signers, scheme
}

// R8, R9, R16, R19: with real signatures every frame is accepted as it is, and
// with any one bit changed, any byte missing or added, it is refused by form or by
// a signature. Only what is not signed at all may differ: the STATUS, and which
// question a RECALLED answers.
func TestEveryBitIsCovered(t *testing.T) {
	g, signers, scheme := ed25519Group(t)
	_, _, simScheme := newGroup(t, 4, nil)
	batch := batchOf(g, simScheme, "a", startTime)
	c := NewCodec(g)
	holds := func(frame []byte) bool {
		u, err := c.Decode(frame, consensus.Hint{})
		if err != nil {
			return false
		}
		valid := make([]bool, len(u.Checks))
		scheme.Verify(u.Checks, valid)
		for _, ok := range valid {
			if !ok {
				return false
			}
		}
		return true
	}
	for name, frame := range samples(g, signers, batch) {
		if !holds(frame) {
			t.Errorf("%s: refused as it is", name)
		}
		if holds(append(bytes.Clone(frame), 0)) {
			t.Errorf("%s: accepted with a trailing byte", name)
		}
		step := max(1, len(frame)/150)
		for i := 0; i < len(frame) && name != "status"; i += step {
			spoilt := bytes.Clone(frame)
			spoilt[i] ^= 1 << (i % 8)
			if name == "recalled" && 0 < i && i <= 20 {
				continue
			}
			if holds(spoilt) {
				t.Errorf("%s: accepted with a bit of byte %d changed", name, i)
			}
		}
		for i := 0; i < len(frame); i += step {
			// A pre-prepare without its content is another, smaller frame.
			if holds(frame[:i]) && !(name == "pre-prepare" && i == voteBytes) {
				t.Errorf("%s: accepted when cut at %d", name, i)
			}
		}
	}
}

// R8: signatures of one group mean nothing in another one.
func TestOtherGroup(t *testing.T) {
	a, signers, scheme := newGroup(t, 4, nil)
	b, _, _ := newGroup(t, 4, small)
	for name, frame := range samples(a, signers, batchOf(a, scheme, "a", startTime)) {
		u, err := NewCodec(b).Decode(frame, consensus.Hint{})
		if err != nil || name == "status" {
			continue
		}
		valid := make([]bool, len(u.Checks))
		scheme.Verify(u.Checks, valid)
		for _, ok := range valid {
			if ok {
				t.Errorf("%s: a signature of another group holds", name)
			}
		}
	}
}

// R76: a NEW-VIEW of the largest group with its whole window prepared at a quorum
// is no larger than FrameBytesMax says, and decodes.
func TestLargestNewView(t *testing.T) {
	g, signers, _ := newGroup(t, 31, func(p *consensus.Parameters) { p.CheckpointInterval, p.Window = 4, 16 })
	d := g.Domain()
	nv := &NewView{View: 1}
	var votes []Signed
	for i := range g.Quorum {
		votes = append(votes, Signed{Replica: consensus.ReplicaID(i), Signature: newCheckpoint(4, crypto.Digest{}, 0, d, signers[i]).Signature})
	}
	for i := range g.Quorum {
		c := &ViewChange{To: 1, Stable: newCheckpointCertificate(4, crypto.Digest{}, votes)}
		for n := range consensus.Sequence(16) {
			p := PreparedCertificate{Header: Header{Sequence: 5 + n}}
			for j := range g.Quorum - 1 {
				p.Prepares = append(p.Prepares, Signed{Replica: consensus.ReplicaID(j + 1)})
			}
			c.Prepared = append(c.Prepared, p)
		}
		signViewChange(c, consensus.ReplicaID(i), d, signers[i])
		nv.Changes = append(nv.Changes, c)
	}
	nv.Proposals = make([]Proposal, 16)
	signNewView(nv, d, signers[1])
	if got, limit := uint64(len(nv.frame)), FrameBytesMax(g); got != limit {
		t.Errorf("the largest NEW-VIEW has %d bytes, and FrameBytesMax says %d", got, limit)
	}
	if _, err := NewCodec(g).Decode(nv.frame, consensus.Hint{}); err != nil {
		t.Error(err)
	}
}

// R41, R103, R107, R108: whatever bytes come, Decode neither panics nor keeps more
// than the bytes can hold, and what it accepts it accepts again.
func FuzzDecode(f *testing.F) {
	g, signers, scheme := newGroup(f, 4, small)
	for _, frame := range samples(g, signers, batchOf(g, scheme, "a", startTime)) {
		f.Add(frame)
	}
	c := NewCodec(g)
	f.Fuzz(func(t *testing.T, frame []byte) {
		for _, hint := range []consensus.Hint{{}, {View: 1, Low: 4, High: 12}} {
			u, err := c.Decode(frame, hint)
			if err != nil {
				continue
			}
			if again := encoded(u.Value); !bytes.Equal(again, frame) {
				t.Fatalf("%x decodes to what is encoded as %x (R16)", frame, again)
			}
			if len(u.Checks) > len(frame)/crypto.SignatureSize {
				t.Fatalf("%d bytes give %d checks", len(frame), len(u.Checks))
			}
		}
	})
}

// encoded puts a message together again from its fields.
func encoded(m consensus.Message) []byte {
	switch m := m.(type) {
	case *PrePrepare:
		if m.Fill != nil {
			return append(bytes.Clone(voteOf(TypePrePrepare, m.Header, m.Signer, m.Signature).frame), encoded(m.Fill)...)
		}
		return newPrePrepare(voteOf(TypePrePrepare, m.Header, m.Signer, m.Signature), m.Content).wire
	case *Vote:
		return voteOf(m.Kind, m.Header, m.Signer, m.Signature).frame
	case *CommitCertificate:
		return newCommitCertificate(m.Header, m.Commits).frame
	case *CheckpointCertificate:
		return newCheckpointCertificate(m.Sequence, m.Chain, m.Votes).frame
	case *Checkpoint:
		return m.frame
	case *ViewChange:
		fresh := *m
		signViewChange(&fresh, m.Signer, crypto.Domain{}, fixed(m.Signature))
		return fresh.frame
	case *NewView:
		fresh := *m
		signNewView(&fresh, crypto.Domain{}, fixed(m.Signature))
		return fresh.frame
	case *Status:
		return m.encode()
	case *Evidence:
		return m.encode()
	case *Recall:
		return newRecall(*m, m.Signer, crypto.Domain{}, fixed(m.Signature)).frame
	case *Recalled:
		var frames [][]byte
		if m.Stable != nil {
			frames = append(frames, encoded(m.Stable))
		}
		for _, x := range m.Signed {
			frames = append(frames, encoded(x))
		}
		return recalledFrame(&Recall{Nonce: m.Nonce, Round: m.Round}, frames)
	}
	return nil
}

// fixed is a signer that has one answer.
type fixed crypto.Signature

func (fixed) Public() crypto.PublicKey                 { return crypto.PublicKey{} }
func (s fixed) Sign(crypto.Statement) crypto.Signature { return crypto.Signature(s) }
