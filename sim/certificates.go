package sim

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/pbft"
)

// certificates counts the signatures in what leaves a correct replica, its own or
// passed on, apart from the engine's own counting (R118).
func (c *checks) certificates(by consensus.ReplicaID, frame []byte) {
	digest := crypto.Hash(crypto.KindRecord, frame)
	if c.sound[digest] {
		return
	}
	c.sound[digest] = true
	u, err := c.codec.Decode(frame, consensus.Hint{})
	if err != nil {
		c.fail("sound", "%s sends what does not decode, of type %d: %v", replicaName(int(by)), frame[0], err)
		return
	}
	valid := make([]bool, len(u.Checks))
	c.world.cfg.Scheme.Verify(u.Checks, valid)
	for _, ok := range valid {
		if !ok {
			c.fail("certificates", "%s sends a %s with a forged signature", replicaName(int(by)), messageNames[u.Value.Type()])
			return
		}
	}
	switch m := u.Value.(type) {
	case *pbft.CommitCertificate:
		c.quorum(by, "commits", m.Commits)
		for _, v := range m.Commits { // a crash may have kept the vote itself from leaving
			if c.world.correct(v.Replica) {
				c.vote(v.Replica, pbft.TypeCommit, m.Header)
			}
		}
	case *pbft.CheckpointCertificate:
		c.quorum(by, "checkpoints", m.Votes)
	case *pbft.ViewChange:
		c.viewChange(by, m)
		if c.single(by, m.Signer, m.Type(), m.To, digest) {
			c.leaves(by, m)
		}
	case *pbft.NewView:
		c.newView(by, m, digest)
	}
}

// quorum checks that a quorum of distinct replicas signed.
func (c *checks) quorum(by consensus.ReplicaID, what string, list []pbft.Signed) {
	if n := distinct(list); n < c.world.group.Quorum {
		c.fail("certificates", "%s sends %d %s as a quorum", replicaName(int(by)), n, what)
	}
}

func distinct(list []pbft.Signed) int {
	var set uint64
	n := 0
	for _, s := range list {
		if s.Replica < consensus.ReplicasMax && set>>s.Replica&1 == 0 {
			set |= 1 << s.Replica
			n++
		}
	}
	return n
}

func (c *checks) viewChange(by consensus.ReplicaID, m *pbft.ViewChange) {
	if m.Stable != nil {
		c.quorum(by, "checkpoints in a VIEW-CHANGE", m.Stable.Votes)
	}
	for i := range m.Prepared {
		p := &m.Prepared[i]
		primary := c.world.group.Primary(p.Header.View)
		n := distinct(p.Prepares)
		for _, s := range p.Prepares {
			if s.Replica == primary {
				n = 0
			}
		}
		if n < c.world.group.Quorum-1 || p.Header.View >= m.To {
			c.fail("certificates", "%s sends a VIEW-CHANGE to %d with %d prepares in view %d at %d",
				replicaName(int(by)), m.To, n, p.Header.View, p.Header.Sequence)
		}
	}
}

func (c *checks) newView(by consensus.ReplicaID, m *pbft.NewView, digest crypto.Digest) {
	signers := make([]pbft.Signed, len(m.Changes))
	low := consensus.Sequence(0)
	for i, v := range m.Changes {
		signers[i].Replica = v.Signer
		c.viewChange(by, v)
		if v.To != m.View {
			c.fail("certificates", "%s sends a NEW-VIEW of %d with a VIEW-CHANGE to %d", replicaName(int(by)), m.View, v.To)
		}
		if v.Stable != nil {
			low = max(low, v.Stable.Sequence)
		}
	}
	c.quorum(by, "view changes in a NEW-VIEW", signers)
	primary := c.world.group.Primary(m.View)
	if !c.single(by, primary, m.Type(), m.View, digest) {
		return
	}
	for i, p := range m.Proposals { // they are its pre-prepares (R36)
		c.vote(by, pbft.TypePrePrepare, pbft.Header{View: m.View, Sequence: low + consensus.Sequence(i) + 1, Batch: p.Batch})
	}
}

// single checks that a correct replica signs one such message for a view in its
// whole life (R71, R72), and reports whether by is the one who signed it. One that
// recovered may ask once more for the view that it votes from: it cannot know that
// it did before, and what it says is true both times (R92).
func (c *checks) single(by, signer consensus.ReplicaID, kind consensus.MessageType, view consensus.ViewNumber, digest crypto.Digest) bool {
	if signer != by {
		return false
	}
	k := largeKey{signer, kind, view}
	again := kind == pbft.TypeViewChange && view <= c.world.replicas[by].core.Status().Engine.VotesFrom
	if old, ok := c.large[k]; ok && old != digest && c.bound(by) && !again {
		c.fail("double vote", "%s signed two different %s messages for view %d", replicaName(int(by)), messageNames[kind], view)
	}
	c.large[k] = digest
	return true
}

// boundedEvery is how often, in ticks, a replica's memory is looked at.
const boundedEvery = 8

// bounded checks that what a replica holds stays within what the group's
// parameters allow, whatever others send (R101).
func (c *checks) bounded(r *Replica) {
	c.ticks++
	if c.ticks%boundedEvery != 0 {
		return
	}
	p, s := &c.world.cfg.Parameters, r.core.Status()
	n, window := c.world.group.N, int(p.Window)
	for _, b := range []struct {
		what        string
		value, most int
	}{
		{"requests in the pool", s.Waiting, int(p.SessionWindow) * len(c.world.clients)},
		{"incomplete batches", s.Wants, 2 * window},
		{"items that wait for the log", s.Unsynced, (16+4*n)*window + 64*len(c.world.clients)},
	} {
		if b.value > b.most {
			c.fail("bounds", "%s holds %d %s; %d are allowed", replicaName(int(r.id)), b.value, b.what, b.most)
		}
	}
}
