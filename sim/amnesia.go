package sim

import (
	"encoding/binary"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/store/log/logtest"
	"github.com/varangian-bft/varangian/store/memory"
)

// An amnesia is what a simulated replica has to do with lost disks and old copies.
type amnesia struct {
	began  bool   // it has a log: one that is gone is damage (R83)
	forgot string // told at each start until its log knows of it (R92)
	since  bool   // it was made to forget, and has not recovered since
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
	r.disk, r.store = logtest.NewDisk(), memory.New()
	r.trouble, r.kept = trouble{}, kept{first: 1}
	r.began, r.forgot, r.since = false, "its disk was wiped", true
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
	r.since = true
	r.world.checks.forgets(r.id)
}

// remembers notes whether the log of a replica knows by now that it recovers, and
// whether it has recovered.
func (r *Replica) remembers() {
	s := r.core.Status().Engine
	if r.forgot != "" && s.Remembered && s.Recovering != "" {
		r.forgot = ""
	}
	if r.since && r.forgot == "" && s.Recovering == "" && s.VotesFrom > 0 {
		r.since = false
		r.world.fault(int(r.id), "recovered", ", votes from view %d", s.VotesFrom)
	}
}

// forgets notes that a replica holds nothing any more of what it had on its disk.
func (c *checks) forgets(by consensus.ReplicaID) { c.durable[by] = 0 }
