package pbft

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A Forger signs whatever it is told to, with the key of one replica: what a
// faulty replica can say, for those who try an engine (package sim). An Engine
// signs by itself and never through a Forger.
type Forger struct {
	Group  *consensus.Group
	Self   consensus.ReplicaID
	Signer crypto.Signer
}

// Vote returns the frame of a PREPARE or COMMIT, or of a PRE-PREPARE without
// content.
func (f Forger) Vote(kind consensus.MessageType, h Header) []byte {
	return newVote(kind, h, f.Self, f.Group.Domain(), f.Signer).frame
}

// PrePrepare returns the frame of a proposal with its content. The header's
// digest is the content's.
func (f Forger) PrePrepare(v consensus.ViewNumber, n consensus.Sequence, c consensus.Content) []byte {
	vote := newVote(TypePrePrepare, Header{View: v, Sequence: n, Batch: c.Digest()}, f.Self, f.Group.Domain(), f.Signer)
	return newPrePrepare(vote, &c).wire
}

// Checkpoint returns the frame of a CHECKPOINT.
func (f Forger) Checkpoint(n consensus.Sequence, chain crypto.Digest) []byte {
	return newCheckpoint(n, chain, f.Self, f.Group.Domain(), f.Signer).frame
}

// CommitCertificate returns the frame of a commit certificate with the
// signatures given.
func (f Forger) CommitCertificate(h Header, commits []Signed) []byte {
	return newCommitCertificate(h, commits).frame
}

// CheckpointCertificate returns the frame of a checkpoint certificate with the
// signatures given.
func (f Forger) CheckpointCertificate(n consensus.Sequence, chain crypto.Digest, votes []Signed) []byte {
	return newCheckpointCertificate(n, chain, votes).frame
}

// Status returns the frame of a STATUS.
func (f Forger) Status(st *Status) []byte { return st.encode() }

// ViewChange returns the frame of a VIEW-CHANGE to a view, with the certificates
// of another one, of which keep says which prepared ones stay.
func (f Forger) ViewChange(to consensus.ViewNumber, of *ViewChange, keep func(i int) bool) []byte {
	c := &ViewChange{To: to}
	if of != nil {
		c.Stable = of.Stable
		for i := range of.Prepared {
			if keep(i) {
				c.Prepared = append(c.Prepared, of.Prepared[i])
			}
		}
	}
	signViewChange(c, f.Self, f.Group.Domain(), f.Signer)
	return c.frame
}

// Open returns the frame of a NEW-VIEW with view changes of the forger's choice,
// and the batches that they demand.
func (f Forger) Open(v consensus.ViewNumber, changes []*ViewChange) []byte {
	_, batches := computeNewView(changes)
	return f.NewView(&NewView{View: v, Changes: changes}, batches)
}

// NewView returns the frame of a NEW-VIEW with the view changes of another one
// and with batches of the forger's choice, from the first sequence that it
// carries over.
func (f Forger) NewView(of *NewView, batches []crypto.Digest) []byte {
	low, _ := computeNewView(of.Changes)
	m := &NewView{View: of.View, Changes: of.Changes}
	for i, d := range batches {
		h := Header{View: of.View, Sequence: low + consensus.Sequence(i) + 1, Batch: d}
		signature := f.Signer.Sign(f.Group.Domain().Statement(byte(TypePrePrepare), h.bytes()))
		m.Proposals = append(m.Proposals, Proposal{Batch: d, Signature: signature})
	}
	signNewView(m, f.Group.Domain(), f.Signer)
	return m.frame
}

// Commits returns the frames of own COMMITs for all that a NEW-VIEW proposes.
func (f Forger) Commits(m *NewView) (frames [][]byte) {
	low, _ := computeNewView(m.Changes)
	for i, p := range m.Proposals {
		frames = append(frames, f.Vote(TypeCommit, Header{View: m.View, Sequence: low + consensus.Sequence(i) + 1, Batch: p.Batch}))
	}
	return frames
}

// Resign returns a copy of a frame whose last signature, over all that stands
// before it but the type and, in votes and checkpoints, the signer, is made anew:
// so that a changed field is the forger's own statement.
func (f Forger) Resign(frame []byte) []byte {
	out := append([]byte(nil), frame...)
	kind := consensus.MessageType(frame[0])
	signed, at := 0, 0
	switch kind {
	case TypePrePrepare, TypePrepare, TypeCommit:
		signed, at = 1+headerBytes, voteBytes-crypto.SignatureSize
	case TypeCheckpoint:
		signed, at = checkpointBytes-signedBytes, checkpointBytes-crypto.SignatureSize
	case TypeViewChange, TypeNewView:
		signed, at = len(frame)-crypto.SignatureSize, len(frame)-crypto.SignatureSize
	default:
		return out
	}
	if at < signed || len(out) < at+crypto.SignatureSize {
		return out
	}
	signature := f.Signer.Sign(f.Group.Domain().Statement(frame[0], out[1:signed]))
	copy(out[at:], signature[:])
	return out
}

// Recall returns the frame of a RECALL.
func (f Forger) Recall(m Recall) []byte {
	return newRecall(m, f.Self, f.Group.Domain(), f.Signer).frame
}

// Recalled returns the frame of a RECALLED that says nothing.
func (f Forger) Recalled(nonce consensus.Nonce, round uint32) []byte {
	return recalledFrame(&Recall{Nonce: nonce, Round: round}, nil)
}
