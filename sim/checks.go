package sim

import (
	"fmt"
	"math/bits"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/statemachine"
)

// checks are the invariants that hold after every event (R118). They look at what
// left a replica, not at its insides.
type checks struct {
	world  *World
	codec  consensus.Codec
	broken *Broken

	slots     map[consensus.Sequence][]said
	batches   map[consensus.Sequence]crypto.Digest // agreement
	histories map[consensus.Sequence]crypto.Digest
	chains    map[consensus.Sequence]crypto.Digest
	roots     map[consensus.Sequence]crypto.Digest // of snapshots
	order     []consensus.Sequence                 // by replica: last one executed in its present life
	durable   []consensus.Sequence                 // by replica: last checkpoint whose state is on its disk
	first     map[requestKey]consensus.Leaf        // exactly once: the execution of each request
	requests  map[crypto.Digest]bool               // signed by correct clients
	large     map[largeKey]crypto.Digest           // VIEW-CHANGE and NEW-VIEW by view and signer
	sound     map[crypto.Digest]bool               // frames whose certificates were counted
	ticks     int
	promises
}

// said is what left correct replicas about one batch in one view, a bit for each.
type said struct {
	view  consensus.ViewNumber
	batch crypto.Digest
	by    [3]uint64 // PRE-PREPARE, PREPARE, COMMIT
}

type requestKey struct {
	client    consensus.ClientID
	session   consensus.SessionNumber
	timestamp consensus.Timestamp
}

type largeKey struct {
	replica consensus.ReplicaID
	kind    consensus.MessageType
	view    consensus.ViewNumber
}

func (c *checks) init(w *World) {
	c.world, c.codec = w, pbft.NewCodec(w.group)
	c.slots, c.promises = map[consensus.Sequence][]said{}, newPromises(w.group.N)
	c.batches, c.histories = map[consensus.Sequence]crypto.Digest{}, map[consensus.Sequence]crypto.Digest{}
	c.chains, c.roots = map[consensus.Sequence]crypto.Digest{}, map[consensus.Sequence]crypto.Digest{}
	c.order, c.durable = make([]consensus.Sequence, w.group.N), make([]consensus.Sequence, w.group.N)
	c.first, c.requests = map[requestKey]consensus.Leaf{}, map[crypto.Digest]bool{}
	c.large, c.sound = map[largeKey]crypto.Digest{}, map[crypto.Digest]bool{}
}

func (c *checks) fail(invariant, format string, args ...any) {
	if c.broken != nil {
		return
	}
	c.broken = &Broken{Invariant: invariant, Detail: fmt.Sprintf(format, args...)}
	if c.world.cfg.Observe != nil {
		c.world.note(Event{Kind: EventBroken, From: Nobody, Text: invariant + ": " + c.broken.Detail})
	}
}

// same fails unless one thing is the same on all correct replicas.
func (c *checks) same(invariant string, seen map[consensus.Sequence]crypto.Digest, by consensus.ReplicaID, at consensus.Sequence, d crypto.Digest) {
	if old, ok := seen[at]; ok && old != d {
		c.fail(invariant, "%s has %s at %d, another replica %s", replicaName(int(by)), d.Short(), at, old.Short())
	}
	seen[at] = d
}

// faulty is the set of the faulty replicas, a bit for each.
func (c *checks) faulty() (set uint64) {
	for i, r := range c.world.replicas {
		if r.behaviour != nil || r.rolled {
			set |= 1 << i
		}
	}
	return set
}

// started notes where a replica's state stands after a start or an installation.
func (c *checks) started(by consensus.ReplicaID, at consensus.Sequence) {
	c.order[by], c.durable[by] = at, max(c.durable[by], at)
	c.begins(by)
}

// flushed notes a checkpoint whose state is durable.
func (c *checks) flushed(by consensus.ReplicaID, w *statemachine.Window) {
	c.durable[by] = max(c.durable[by], w.Sequence)
	c.same("equal checkpoints", c.chains, by, w.Sequence, w.Chain)
}

// executed checks agreement, order, certificates, equal histories, validity and
// exactly-once when a correct replica executed a batch.
func (c *checks) executed(by consensus.ReplicaID, b *consensus.Batch, x *statemachine.Execution) {
	if x.Sequence != c.order[by]+1 {
		c.fail("order", "%s executed %d after %d", replicaName(int(by)), x.Sequence, c.order[by])
	}
	c.order[by] = x.Sequence
	c.timed(by, b, x)
	c.same("agreement", c.batches, by, x.Sequence, b.Digest)
	c.same("determinism", c.histories, by, x.Sequence, x.History)
	if !c.committed(by, x.Sequence, b.Digest) {
		c.fail("certificates", "%s executed %s at %d, for which no quorum of commits was ever sent", replicaName(int(by)), b.Digest.Short(), x.Sequence)
	}
	for i := range x.Outcomes {
		c.valid(b.Requests[i])
		c.once(x, &x.Outcomes[i])
	}
}

// committed reports whether a quorum of commits in one view can exist (R39): of
// faulty replicas anything can, and one's own need not have left yet.
func (c *checks) committed(by consensus.ReplicaID, at consensus.Sequence, batch crypto.Digest) bool {
	for _, s := range c.slots[at] {
		if s.batch == batch && bits.OnesCount64(s.by[2]|c.faulty()|1<<by) >= c.world.group.Quorum {
			return true
		}
	}
	return c.world.group.Quorum == 1
}

// valid checks that a request was signed by its client, and if that is a correct
// one, that it said so.
func (c *checks) valid(r *consensus.Request) {
	if c.requests[r.Digest()] {
		return
	}
	u, err := consensus.DecodeRequest(r.Encoding(), c.world.group)
	if err != nil {
		c.fail("validity", "request %s was executed and does not decode: %v", r.Digest().Short(), err)
		return
	}
	valid := make([]bool, len(u.Checks))
	c.world.cfg.Scheme.Verify(u.Checks, valid)
	client, known := c.world.clientOf(r.Client)
	if !valid[0] || known && c.world.clients[client].behaviour == nil {
		c.fail("validity", "request %s was executed, and no client signed it", r.Digest().Short())
	}
	c.requests[r.Digest()] = true
}

// once checks that what was executed for a client's timestamp was executed one
// time (R23).
func (c *checks) once(x *statemachine.Execution, o *statemachine.Outcome) {
	if len(o.Results) == 0 || consensus.ResultClass(o.Results[0]) > consensus.ResultLimit {
		return
	}
	l := o.Leaf
	k := requestKey{l.Client, l.Session, l.Timestamp}
	old, ok := c.first[k]
	if ok && old != l {
		c.fail("exactly once", "request %s was executed at %d, and %s with its timestamp at %d", old.Request.Short(), old.Sequence, l.Request.Short(), l.Sequence)
	}
	if !ok && l.Sequence != x.Sequence {
		c.fail("exactly once", "request %s gives the result of %d, where it was not executed", l.Request.Short(), l.Sequence)
	}
	c.first[k] = l
}

// submitted notes a request that a correct client signed.
func (c *checks) submitted(frame []byte) {
	if frame[0] == byte(consensus.TypeRequest) {
		c.requests[crypto.Hash(crypto.KindRequest, frame[1:])] = true
	}
}

// accepted checks that a believed result stands in the agreed history.
func (c *checks) accepted(by *Client, done session.Completion) {
	l := done.Proof.Leaf
	old, ok := c.first[requestKey{l.Client, l.Session, l.Timestamp}]
	if done.Result.Class <= consensus.ResultLimit && (!ok || old != l) {
		c.fail("accepted", "%s believed a result of request %s that no correct replica has", clientName(by.index), l.Request.Short())
	}
	var signers uint64
	for _, r := range done.Proof.Roots {
		signers |= 1 << r.Replica
	}
	if bits.OnesCount64(signers) < c.world.group.Weak {
		c.fail("accepted", "%s believed %d replicas", clientName(by.index), bits.OnesCount64(signers))
	}
}

func (c *checks) accused(by consensus.ReplicaID, e consensus.Evidence) {
	if !c.bound(e.Against) {
		return
	}
	c.fail("evidence", "%s accuses %s, which is correct", replicaName(int(by)), replicaName(int(e.Against)))
}

// sent checks what leaves a correct replica (R36, R38, R50).
func (c *checks) sent(by consensus.ReplicaID, frame []byte) {
	c.silent(by, frame)
	switch consensus.MessageType(frame[0]) {
	case pbft.TypePrePrepare, pbft.TypePrepare, pbft.TypeCommit:
		if v, ok := pbft.ReadVote(frame); ok && v.Signer == by {
			c.voted(by, v.Kind, v.Header)
			c.vote(by, v.Kind, v.Header)
		}
	case pbft.TypeCheckpoint:
		c.checkpoint(by, frame)
	case consensus.TypeSnapshot:
		c.quiet(by, "states a snapshot")
		if u, err := wire.ReadSignedSnapshot(frame, c.world.group); err == nil && !c.world.replicas[by].rot.rotten {
			m := u.Value.(wire.SignedSnapshot)
			c.same("equal snapshots", c.roots, by, m.Sequence, m.Root)
		}
	case pbft.TypeViewChange, pbft.TypeNewView, pbft.TypeCommitCertificate, pbft.TypeCheckpointCertificate:
		c.certificates(by, frame)
	}
}

// vote checks that no replica ever says two things where it may say one (R36),
// and that a commit rests on a quorum that prepared (R38).
func (c *checks) vote(by consensus.ReplicaID, kind consensus.MessageType, h pbft.Header) {
	k := kind - pbft.TypePrePrepare
	c.top = max(c.top, h.Sequence)
	slots, found := c.slots[h.Sequence], -1
	for i := range slots {
		switch s := &slots[i]; {
		case s.view != h.View:
		case s.batch == h.Batch:
			found = i
		case s.by[k]>>by&1 == 1 && c.bound(by):
			c.fail("double vote", "%s said %s and %s as %s in view %d at %d", replicaName(int(by)), s.batch.Short(), h.Batch.Short(),
				messageNames[kind], h.View, h.Sequence)
		}
	}
	if found < 0 {
		found = len(slots)
		slots = append(slots, said{view: h.View, batch: h.Batch})
		c.slots[h.Sequence] = slots
	}
	s := &slots[found]
	s.by[k] |= 1 << by
	if kind != pbft.TypeCommit {
		return
	}
	primary := c.world.group.Primary(h.View)
	if n := bits.OnesCount64((s.by[1] | c.faulty() | 1<<by) &^ (1 << primary)); n < c.world.group.Quorum-1 {
		c.fail("certificates", "%s commits %s in view %d at %d, which at most %d backups prepared", replicaName(int(by)), h.Batch.Short(), h.View, h.Sequence, n)
	}
}

// checkpoint checks that a replica states only what it has on disk, and all of
// them the same (R50).
func (c *checks) checkpoint(by consensus.ReplicaID, frame []byte) {
	at, chain, signer := readCheckpoint(frame)
	if signer != by || at == 0 {
		return
	}
	if c.world.replicas[by].rot.rotten {
		return
	}
	c.same("equal checkpoints", c.chains, by, at, chain)
	if at > c.durable[by] {
		c.fail("persist, then send", "%s states a checkpoint at %d; on disk it has %d", replicaName(int(by)), at, c.durable[by])
	}
}

// readCheckpoint reads a CHECKPOINT; sequence 0 is none.
func readCheckpoint(frame []byte) (at consensus.Sequence, chain crypto.Digest, signer consensus.ReplicaID) {
	s := cryptobyte.String(frame[1:])
	if !s.ReadUint64((*uint64)(&at)) || !s.CopyBytes(chain[:]) || !s.ReadUint32((*uint32)(&signer)) {
		return 0, chain, 0
	}
	return at, chain, signer
}
