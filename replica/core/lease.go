package core

import (
	"slices"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/replica/transfer"
)

// How long a snapshot that others fetch is kept beside the newest one (R55).
const (
	// leaseIdle is how long after the last question for it.
	leaseIdle = 30 * time.Second
	// leaseMax is how long in all: a transfer that takes longer goes on with a newer
	// snapshot, and keeps what it has.
	leaseMax = 10 * time.Minute
)

// A lease keeps the versions of a snapshot from being given back.
type lease struct {
	at    consensus.Sequence
	since time.Time
	asked time.Time
}

// leases are those of snapshots that others fetch, ascending. At most
// transfer.HeldMax of them are older than the newest snapshot; above that the oldest
// ends, and questions for it are answered with "gone".
type leases struct {
	list    []lease
	retired consensus.Sequence // versions below are given back
}

// ask renews the lease of a snapshot that is still kept.
func (l *leases) ask(at, newest consensus.Sequence, now time.Time) {
	if at == 0 || at < l.retired || at > newest {
		return
	}
	i, found := slices.BinarySearchFunc(l.list, at, func(a lease, at consensus.Sequence) int { return int(int64(a.at) - int64(at)) })
	switch {
	case found:
		l.list[i].asked = now
	case at == newest: // an older one that nobody holds is on its way out
		l.list = slices.Insert(l.list, i, lease{at: at, since: now, asked: now})
	}
}

// floor returns up to where versions may be given back now.
func (l *leases) floor(newest consensus.Sequence, now time.Time) consensus.Sequence {
	l.list = slices.DeleteFunc(l.list, func(a lease) bool {
		return now.Sub(a.asked) >= leaseIdle || now.Sub(a.since) >= leaseMax
	})
	older := 0
	for older < len(l.list) && l.list[older].at < newest {
		older++
	}
	if older > transfer.HeldMax {
		l.list = l.list[older-transfer.HeldMax:]
	}
	if len(l.list) > 0 {
		return min(l.list[0].at, newest)
	}
	return newest
}

// retire gives back the versions that neither the newest snapshot nor anybody's
// transfer needs any more (R55).
func (c *Core) retire(out *Output) {
	if floor := c.leases.floor(c.snapshots.certified.Sequence, c.now); floor > c.leases.retired {
		c.leases.retired = floor
		out.Retire = append(out.Retire, floor)
	}
}
