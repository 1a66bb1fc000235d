package sim

import (
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
	now      time.Duration
	agenda   agenda
	net      network
	replicas []*Replica
	clients  []*Client
	checks   checks
	coverage Coverage
	trace    traceHash
	byClient map[consensus.ClientID]int
	one      [1]crypto.Unverified[consensus.Message] // under verification
}

// New returns a world at its beginning, with all replicas started.
func New(cfg Config) (*World, error) {
	cfg.complete()
	g, signers, clientSigners, err := cfg.genesis()
	if err != nil {
		return nil, err
	}
	w := &World{cfg: cfg, group: g, rng: cfg.stream(streamWorld, 0), byClient: map[consensus.ClientID]int{}}
	w.net.init(w)
	w.checks.init(w)
	for i, s := range signers {
		w.replicas = append(w.replicas, newReplica(w, consensus.ReplicaID(i), s))
	}
	for i, s := range clientSigners {
		w.byClient[consensus.ClientID(s.Public())] = i
		w.clients = append(w.clients, newClient(w, i, s))
	}
	for _, r := range w.replicas {
		if err := r.Start(); err != nil {
			return nil, err
		}
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
func (w *World) Now() time.Duration { return w.now }

// Random is the world's source of chance, for whoever drives it.
func (w *World) Random() *rand.Rand { return w.rng }

// Coverage is what the world has seen so far. The caller does not change it.
func (w *World) Coverage() *Coverage { return &w.coverage }

// Run lets the world go on for a time, and returns the first broken invariant.
func (w *World) Run(d time.Duration) error {
	return w.RunUntil(d, func() bool { return false })
}

// RunUntil goes on until done reports true or the time is over. After each event
// the invariants are checked (R118). An error is a *Broken.
func (w *World) RunUntil(d time.Duration, done func() bool) error {
	end := w.now + d
	for {
		if w.checks.broken != nil {
			b := *w.checks.broken
			b.Seed, b.At = w.cfg.Seed, w.now
			return &b
		}
		at, ok := w.agenda.next()
		if !ok || at > end {
			break
		}
		a := w.agenda.pop()
		w.now = at
		w.do(a)
		if w.checks.broken == nil && done() {
			return nil
		}
	}
	w.now = end
	return nil
}

// A Broken is an invariant that does not hold.
type Broken struct {
	Invariant string // its name, for instance "agreement"
	Detail    string
	Seed      uint64
	At        time.Duration // virtual time
}

// Error implements error.
func (b *Broken) Error() string {
	return fmt.Sprintf("seed %d at %v: %s: %s", b.Seed, b.At, b.Invariant, b.Detail)
}

// do carries out one appointment, unless it belongs to an earlier life of its
// replica. What falls into a pause happens at its end.
func (w *World) do(a appointment) {
	if r := a.replica; r != nil {
		if a.life != 0 && (!r.up || r.life != a.life) {
			return
		}
		if r.paused > w.now {
			w.agenda.push(r.paused, a)
			return
		}
	}
	switch {
	case a.call != nil:
		a.call()
	case a.frame != nil:
		w.deliver(int(a.from), int(a.to), a.frame)
	default:
		a.replica.onTick()
	}
}

// after does something at a later time.
func (w *World) after(d time.Duration, do func()) {
	w.agenda.push(w.now+d, appointment{call: do})
}

// Digest is a hash of everything that was delivered, sent, logged and executed
// anywhere so far: equal seeds give equal digests.
func (w *World) Digest() crypto.Digest { return w.trace.digest() }
