package sim

import (
	"encoding/binary"
	"fmt"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/statemachine"
)

// checks are the invariants that hold after every event (R118). They look at what
// left a replica, not at its insides.
type checks struct {
	broken    error
	digest    crypto.Digest
	batches   map[consensus.Sequence]crypto.Digest // agreement
	histories map[consensus.Sequence]crypto.Digest
	leaves    map[leafKey]consensus.Leaf // exactly once: one leaf for each request
	votes     map[voteKey]crypto.Digest  // no double vote, in a replica's whole life (R36)
}

type leafKey struct {
	client    consensus.ClientID
	session   consensus.SessionNumber
	timestamp consensus.Timestamp
	request   crypto.Digest
}

type voteKey struct {
	replica  consensus.ReplicaID
	kind     consensus.MessageType
	view     consensus.ViewNumber
	sequence consensus.Sequence
}

func (c *checks) init() {
	c.batches, c.histories = map[consensus.Sequence]crypto.Digest{}, map[consensus.Sequence]crypto.Digest{}
	c.leaves, c.votes = map[leafKey]consensus.Leaf{}, map[voteKey]crypto.Digest{}
}

func (c *checks) fail(format string, args ...any) {
	if c.broken == nil {
		c.broken = fmt.Errorf(format, args...)
	}
}

// executed checks agreement and equal histories at equal sequence numbers, and
// that a request is executed once.
func (c *checks) executed(by consensus.ReplicaID, b *consensus.Batch, x *statemachine.Execution) {
	if d, ok := c.batches[x.Sequence]; ok && d != b.Digest {
		c.fail("agreement: %s executed batch %s at %d, another replica %s", replicaName(int(by)), b.Digest.Short(), x.Sequence, d.Short())
	}
	c.batches[x.Sequence] = b.Digest
	if h, ok := c.histories[x.Sequence]; ok && h != x.History {
		c.fail("determinism: %s has history %s at %d, another replica %s", replicaName(int(by)), x.History.Short(), x.Sequence, h.Short())
	}
	c.histories[x.Sequence] = x.History
	for i := range x.Outcomes {
		l := x.Outcomes[i].Leaf
		k := leafKey{l.Client, l.Session, l.Timestamp, l.Request}
		if old, ok := c.leaves[k]; ok && old.Sequence != l.Sequence && l.Sequence != 0 && old.Results == l.Results {
			c.fail("exactly once: request %s has two first executions, %d and %d", l.Request.Short(), old.Sequence, l.Sequence)
		}
		c.leaves[k] = l
	}
	var place [12]byte
	binary.BigEndian.PutUint32(place[:4], uint32(by))
	binary.BigEndian.PutUint64(place[4:], uint64(x.Sequence))
	c.digest = crypto.Hash(crypto.KindHistory, c.digest[:], place[:], x.History[:])
}

// accepted checks that a believed result stands in the agreed history.
func (c *checks) accepted(done session.Completion) {
	l := done.Proof.Leaf
	old, ok := c.leaves[leafKey{l.Client, l.Session, l.Timestamp, l.Request}]
	if !ok || old.Results != l.Results {
		c.fail("validity: a client believed a result of request %s that no replica executed", l.Request.Short())
	}
}

// sent checks that no replica ever says two things where it may say one (R36).
func (c *checks) sent(by consensus.ReplicaID, frame []byte) {
	v, ok := pbft.ReadVote(frame)
	if !ok || v.Signer != by {
		return
	}
	k := voteKey{by, v.Kind, v.Header.View, v.Header.Sequence}
	if old, ok := c.votes[k]; ok && old != v.Header.Batch {
		c.fail("double vote: %s said %s and %s with type %d in view %d at %d",
			replicaName(int(by)), old.Short(), v.Header.Batch.Short(), v.Kind, v.Header.View, v.Header.Sequence)
	}
	c.votes[k] = v.Header.Batch
}

func (c *checks) accused(by consensus.ReplicaID, e consensus.Evidence) {
	c.fail("evidence: %s accuses %s, which is correct", replicaName(int(by)), replicaName(int(e.Against)))
}

func (c *checks) halted(by consensus.ReplicaID, h consensus.Halt) {
	c.fail("halt: %s stopped: %s", replicaName(int(by)), h.Reason)
}
