package adversary

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/pbft"
)

// A checkpointer signs another state than it has, for half of the group (R3, R51).
type checkpointer struct{ stage }

func newCheckpointer(s stage) lie { return &checkpointer{s} }

// Say implements sim.Behaviour.
func (c *checkpointer) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	m, ok := c.read(frame).(*pbft.Checkpoint)
	if !ok || m.Signer != c.Self() || !odd(to) {
		return [][]byte{frame}
	}
	return c.instead(c.forger.Checkpoint(m.Sequence, crypto.Hash(crypto.KindChain, m.Chain[:])))
}

// A far checkpointer claims states far above the window (R53, R54).
type farCheckpointer struct{ stage }

func newFarCheckpointer(s stage) lie { return &farCheckpointer{s} }

// Tick implements sim.Behaviour.
func (c *farCheckpointer) Tick() {
	p := &c.Group().Genesis.Parameters
	boundary := uint64(c.Status().Engine.Low)/p.CheckpointInterval + p.Window/p.CheckpointInterval
	n := consensus.Sequence((boundary + 1 + uint64(c.random(1<<20))) * p.CheckpointInterval)
	c.tell(c.forger.Checkpoint(n, crypto.Hash(crypto.KindChain, []byte{byte(c.random(256))})))
}

// A certifier sends certificates that prove nothing: with its own signature under
// the names of others, and with real votes of others for something else (R2, R3,
// R19, R39).
type certifier struct {
	stage
	commits map[consensus.ReplicaID]*pbft.Vote // heard, by signer, the last
}

func newCertifier(s stage) lie {
	return &certifier{stage: s, commits: map[consensus.ReplicaID]*pbft.Vote{}}
}

// Hear implements sim.Listener.
func (c *certifier) Hear(_ int, _ bool, frame []byte) bool {
	if v, ok := pbft.ReadVote(frame); ok && v.Kind == pbft.TypeCommit {
		c.commits[v.Signer] = &v
	}
	return true
}

// Tick implements sim.Behaviour.
func (c *certifier) Tick() {
	st := c.Status().Engine
	h := pbft.Header{View: st.View, Sequence: st.Ordered + consensus.Sequence(1+c.random(4))}
	h.Batch = crypto.Hash(crypto.KindBatch, []byte("never prepared"))
	own := c.vote(pbft.TypeCommit, h)
	votes := make([]pbft.Signed, c.Group().Quorum)
	for i := range votes {
		votes[i] = pbft.Signed{Replica: consensus.ReplicaID(i), Signature: own}
		if v := c.commits[consensus.ReplicaID(i)]; v != nil && votes[i].Replica != c.Self() {
			votes[i].Signature = v.Signature
		}
	}
	if c.random(2) == 0 { // one signer many times, with signatures that hold
		for i := range votes {
			votes[i] = pbft.Signed{Replica: c.Self(), Signature: own}
		}
	}
	if c.random(3) > 0 {
		c.tell(c.forger.CommitCertificate(h, votes))
		return
	}
	every := c.Group().Genesis.Parameters.CheckpointInterval
	n := consensus.Sequence((uint64(st.High)/every + uint64(c.random(3))) * every)
	if votes[0].Replica == votes[1].Replica {
		m, _ := c.read(c.forger.Checkpoint(n, h.Batch)).(*pbft.Checkpoint)
		for i := range votes {
			votes[i].Signature = m.Signature
		}
	}
	c.tell(c.forger.CheckpointCertificate(n, h.Batch, votes))
}

// vote is the signature of an own vote.
func (s *stage) vote(kind consensus.MessageType, h pbft.Header) crypto.Signature {
	v, _ := pbft.ReadVote(s.forger.Vote(kind, h))
	return v.Signature
}

// An accuser tries to have correct replicas taken for liars: with votes of two
// views, with one vote twice, and with one that it signed itself (R4, R47).
type accuser struct {
	stage
	heard [][]byte // votes of others
}

func newAccuser(s stage) lie { return &accuser{stage: s} }

// Hear implements sim.Listener.
func (a *accuser) Hear(_ int, _ bool, frame []byte) bool {
	if v, ok := pbft.ReadVote(frame); ok && v.Kind != pbft.TypePrePrepare && v.Signer != a.Self() {
		if len(a.heard) == memoryMax {
			a.heard = a.heard[:0]
		}
		a.heard = append(a.heard, frame)
	}
	return true
}

// Tick implements sim.Behaviour.
func (a *accuser) Tick() {
	if len(a.heard) < 2 {
		return
	}
	first, second := a.heard[a.random(len(a.heard))], a.heard[a.random(len(a.heard))]
	if a.random(2) == 0 {
		v, _ := pbft.ReadVote(first)
		v.Header.Batch[0]++
		second = append([]byte(nil), first...)
		copy(second[len(second)-crypto.SignatureSize:], a.forger.Vote(v.Kind, v.Header)[len(second)-crypto.SignatureSize:])
		copy(second[1+8+8:], v.Header.Batch[:])
	}
	a.tell(append(append([]byte{byte(pbft.TypeEvidence)}, first...), second...))
}

// A photographer signs another snapshot than it has (R93, R94).
type photographer struct{ stage }

func newPhotographer(s stage) lie { return &photographer{s} }

// Say implements sim.Behaviour.
func (p *photographer) Say(_ consensus.ReplicaID, frame []byte) [][]byte {
	if kind(frame) != consensus.TypeSnapshot {
		return [][]byte{frame}
	}
	u, err := wire.ReadSignedSnapshot(frame, p.Group())
	m, ok := u.Value.(wire.SignedSnapshot)
	if err != nil || !ok || m.Replica != p.Self() {
		return [][]byte{frame}
	}
	m.Root = crypto.Hash(crypto.KindPartition, m.Root[:])
	return p.instead(m.Snapshot.Sign(p.Group(), p.Self(), p.Signer()).Marshal())
}
