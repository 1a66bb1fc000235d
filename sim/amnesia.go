package sim

import (
	"encoding/binary"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/store/log/logtest"
	"github.com/varangian-bft/varangian/store/memory"
)

// An amnesia is what a simulated replica has to do with lost disks and old copies.
type amnesia struct {
	began  bool   // it has a log: one that is gone is damage (R83)
	forgot string // told at each start until its log knows of it (R92)
	since  bool   // it was made to forget, and has not recovered since
	knows  bool   // it has said so: an old copy may hold that it recovered, long ago
	rolled bool   // an old copy was put back: what it said since may have reached nobody who tells
	copied *copied
}

// A copied is a copy of a replica's folder.
type copied struct {
	disk  *logtest.Disk
	store *memory.Store
	kept  kept
}

// nonce is that of the present life. It need not be a secret in a world whose liars
// are told everything.
func (r *Replica) nonce() (n consensus.Nonce) {
	if r.behaviour != nil { // a liar wants to hear nothing of what it signed
		return n
	}
	binary.BigEndian.PutUint64(n[:], uint64(r.id)+1)
	binary.BigEndian.PutUint64(n[8:], uint64(r.life))
	return n
}

// Forgot reports whether the replica was made to forget and has not recovered yet:
// until then it counts as faulty.
func (r *Replica) Forgot() bool { return r.since }

// Wipe takes the disk away: the replica stops, and starts again from nothing, and
// without a vote (R83, R92).
func (r *Replica) Wipe() {
	r.stop()
	r.disk, r.store, r.spool = logtest.NewDisk(), memory.New(), new(transfer.MemorySpool)
	r.trouble, r.kept = trouble{}, kept{first: 1}
	r.began, r.proof, r.forgot, r.rot = false, false, "its disk was wiped", rot{}
	r.since, r.knows = true, false
	r.world.checks.forgets(r.id)
}

// Copy takes a copy of the folder, as a backup of a running replica does.
func (r *Replica) Copy() {
	r.copied = &copied{disk: r.disk.Clone(), store: r.store.Clone(), kept: r.kept.clone()}
}

// Rollback stops the replica and puts the last copy of its folder back, if there is
// one. Nothing tells the replica so (R91).
func (r *Replica) Rollback() {
	if r.copied == nil {
		return
	}
	r.stop()
	r.disk, r.store = r.copied.disk.Clone(), r.copied.store.Clone()
	r.trouble, r.kept = trouble{}, r.copied.kept.clone()
	r.proof, r.since, r.knows, r.rolled = false, true, false, true
	r.world.checks.forgets(r.id)
}

// ashamed stops a liar whose core has met what the lies signed, before its log knows
// of it: the next life lies on (R7).
func (r *Replica) ashamed() bool {
	if why := r.core.Status().Engine.Recovering; r.behaviour != nil && r.forgot == "" && !r.since && why != "" {
		r.halt(consensus.Halt{Cause: consensus.CauseForgotten, Reason: why})
		return true
	}
	return false
}

// remembers notes whether the log of a replica knows by now that it recovers, and
// whether it has recovered.
func (r *Replica) remembers() {
	s := r.core.Status().Engine
	if r.forgot != "" && s.Remembered {
		r.forgot = ""
	}
	if s.Recovering != "" {
		r.knows = true
	}
	if r.since && r.knows && r.forgot == "" && s.Recovering == "" {
		r.since, r.rolled = false, false
		r.world.fault(int(r.id), "recovered", ", votes from view %d", s.VotesFrom)
	}
}

// bound reports whether a correct replica is bound by all that it ever said: one
// whose folder was rolled back is again once it has recovered. As long as nobody who
// answers it holds what it forgot, it cannot know, and counts as faulty (R91).
func (c *checks) bound(by consensus.ReplicaID) bool { return !c.world.replicas[by].rolled }

// forgets notes that a replica holds nothing any more of what it had on its disk.
func (c *checks) forgets(by consensus.ReplicaID) { c.durable[by] = 0 }

// quiet checks that a replica signs no receipt and no SNAPSHOT before the others have
// said what they hold of it: the folder may be an older copy (R91).
func (c *checks) quiet(by consensus.ReplicaID, does string) {
	if s := c.world.replicas[by].core.Status().Engine; s.Mute && s.Recovering == "" {
		c.fail("silence after a start", "%s %s before a quorum has told what it holds of it", replicaName(int(by)), does)
	}
}
