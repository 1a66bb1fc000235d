package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A World is a group of replicas with its clients, network, disks and clock.
type World struct {
	cfg      Config
	group    *consensus.Group
	rng      *rand.Rand
	now      time.Time
	agenda   agenda
	order    uint64
	replicas []*Replica
	clients  []*Client
	cut      func(from, to party) bool
	checks   checks
}

// New returns a world at its beginning, with all replicas started.
func New(cfg Config) (*World, error) {
	cfg.complete()
	g, signers, clientSigners, err := cfg.genesis()
	if err != nil {
		return nil, err
	}
	w := &World{cfg: cfg, group: g, rng: rand.New(rand.NewPCG(cfg.Seed, 1)), now: epoch}
	w.checks.init()
	for i, s := range signers {
		r := newReplica(w, consensus.ReplicaID(i), s)
		w.replicas = append(w.replicas, r)
		if err := r.Start(); err != nil {
			return nil, err
		}
	}
	for i, s := range clientSigners {
		w.clients = append(w.clients, newClient(w, i, s))
	}
	return w, nil
}

// Group returns the group that the world simulates.
func (w *World) Group() *consensus.Group { return w.group }

// Replica returns one replica.
func (w *World) Replica(i int) *Replica { return w.replicas[i] }

// Client returns one client.
func (w *World) Client(i int) *Client { return w.clients[i] }

// Now is the virtual time since the beginning.
func (w *World) Now() time.Duration { return w.now.Sub(epoch) }

// Random is the world's source of chance, for whoever drives it.
func (w *World) Random() *rand.Rand { return w.rng }

// An appointment is something that happens at a time. Ties are broken by the
// order in which they were made.
type appointment struct {
	at    time.Time
	order uint64
	do    func()
}

type agenda []appointment

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	if a[i].at.Equal(a[j].at) {
		return a[i].order < a[j].order
	}
	return a[i].at.Before(a[j].at)
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }

// Push implements heap.Interface.
func (a *agenda) Push(x any) { *a = append(*a, x.(appointment)) }

// Pop implements heap.Interface.
func (a *agenda) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}

func (w *World) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.agenda, appointment{at: w.now.Add(d), order: w.order, do: do})
}

// between draws a duration.
func (w *World) between(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return least + time.Duration(w.rng.Int64N(int64(most-least)))
}

// Run lets the world go on for a time, and returns the first broken invariant.
func (w *World) Run(d time.Duration) error {
	return w.RunUntil(d, func() bool { return false })
}

// RunUntil goes on until done reports true or the time is over. After each event
// the invariants are checked (R118).
func (w *World) RunUntil(d time.Duration, done func() bool) error {
	end := w.now.Add(d)
	for len(w.agenda) > 0 && !w.agenda[0].at.After(end) {
		next := heap.Pop(&w.agenda).(appointment)
		w.now = next.at
		next.do()
		if w.checks.broken != nil {
			return fmt.Errorf("seed %d at %v: %w", w.cfg.Seed, w.Now(), w.checks.broken)
		}
		if done() {
			return nil
		}
	}
	w.now = end
	return nil
}

// Cut severs channels for as long as the function reports true for them; nil
// heals everything.
func (w *World) Cut(cut func(from, to int) bool) {
	if cut == nil {
		w.cut = nil
		return
	}
	w.cut = func(from, to party) bool {
		return !from.client && !to.client && cut(from.index, to.index)
	}
}

// Digest is a hash of everything that was executed anywhere so far: equal seeds
// give equal digests.
func (w *World) Digest() crypto.Digest { return w.checks.digest }
