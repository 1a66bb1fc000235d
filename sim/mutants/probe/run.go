package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// operationsMax bounds a run in which little goes wrong.
const operationsMax = 3000

// half is what the first part of an operation writes whose second part fails.
const half = "half"

// A run is one world under load, with what its clients were told.
type run struct {
	*sim.World
	rng       *rand.Rand // for what the schedule does; the world's own chance is another
	n, f      int
	faulty    map[int]bool
	clients   int
	fool      int  // a client that lies, or -1: nothing is asked of what it is told
	ending    bool // no more operations are submitted
	total     int  // operations to submit at most
	submitted int
	finished  int
	counted   int            // increments submitted
	sums      map[int64]bool // that increments returned
	broken    error
}

// start makes a world whose sizes and delays are drawn from a seed, and puts it
// under load.
func start(seed uint64, change func(*sim.Config, *rand.Rand)) (*run, error) {
	rng := rand.New(rand.NewPCG(seed, 7))
	p := sim.SmallParameters()
	p.CheckpointInterval = 2 + rng.Uint64N(4)
	p.Window = p.CheckpointInterval * (2 + rng.Uint64N(3))
	p.SnapshotInterval = 1 + rng.Uint64N(3)
	p.BatchRequestsMax = 1 + rng.Uint64N(4)
	p.SessionWindow = 8 + rng.Uint64N(8)
	c := sim.Config{
		Seed: seed, Replicas: 4, Clients: 2 + rng.IntN(3), Parameters: p,
		DelayMax: time.Duration(1+rng.IntN(60)) * time.Millisecond,
		Loss:     rng.Float64() * 0.1, Duplication: rng.Float64() * 0.3,
		SyncMax: time.Duration(1+rng.IntN(60)) * time.Millisecond,
	}
	if change != nil {
		change(&c, rng)
	}
	w, err := sim.New(c)
	if err != nil {
		return nil, err
	}
	r := &run{
		World: w, rng: rng, n: c.Replicas, f: consensus.QuorumsOf(c.Replicas).F, faulty: map[int]bool{},
		clients: c.Clients, fool: -1, total: operationsMax, sums: map[int64]bool{},
	}
	return r, nil
}

// load makes every client have so many operations under way from now on.
func (r *run) load(each int) {
	for i := range r.clients {
		for range each {
			r.next(i)
		}
	}
}

// next submits another operation of a client, which has the same number of them
// under way all the time.
func (r *run) next(client int) {
	if r.ending || r.submitted == r.total {
		return
	}
	if client == r.fool {
		r.Client(client).Invoke(kv.Put([]byte("fool"), nil), func(session.Completion) { r.next(client) })
		return
	}
	r.submitted++
	key := []byte{'k', byte(r.rng.IntN(23))}
	switch r.rng.IntN(8) {
	case 0:
		r.Client(client).Invoke(kv.Put(key, []byte{byte(r.submitted)}), r.ended(client))
	case 1:
		r.Client(client).Invoke(kv.Delete(key), r.ended(client))
	case 2:
		r.Client(client).Invoke(kv.Scan([]byte("k"), kv.Missing, 30), r.scanned(client))
	case 3: // fails after its first part, which has to be undone
		r.Client(client).Invoke(kv.Atomic(kv.Put(key, []byte(half)), kv.CompareAndSet([]byte("no"), kv.Some(nil), kv.Missing)), r.ended(client))
	default:
		r.counted++
		r.Client(client).Invoke(kv.Increment([]byte("sum"), 1), r.added(client))
	}
}

func (r *run) fail(format string, args ...any) {
	if r.broken == nil {
		r.broken = fmt.Errorf(format, args...)
	}
}

// ended takes the end of any operation. In these worlds no client opens so many
// sessions, nor waits so little, that anything may be forgotten.
func (r *run) ended(client int) func(session.Completion) {
	return func(done session.Completion) {
		r.finished++
		if done.Fate != session.Executed {
			r.fail("fate: an operation of c%d ended with fate %d, outcome %d", client, done.Fate, done.Outcome)
		}
		r.next(client)
	}
}

// scanned takes the end of a scan, in which nothing of an operation that failed may
// stand (R110).
func (r *run) scanned(client int) func(session.Completion) {
	ended := r.ended(client)
	return func(done session.Completion) {
		page, err := kv.DecodeScan(done.Result.Value)
		if done.Fate == session.Executed && err != nil {
			r.fail("results: c%d was given something else than a scan: %v", client, err)
		}
		for _, e := range page.Entries {
			if string(e.Value) == half {
				r.fail("atomicity: a part of an operation that failed stands under %q", e.Key)
			}
		}
		ended(done)
	}
}

// added takes the end of an increment: no two return the same sum, and none is
// executed twice (R23).
func (r *run) added(client int) func(session.Completion) {
	ended := r.ended(client)
	return func(done session.Completion) {
		if sum, err := kv.DecodeIncrement(done.Result.Value); done.Fate == session.Executed {
			switch {
			case err != nil:
				r.fail("results: c%d was given something else than a sum: %v", client, err)
			case r.sums[sum]:
				r.fail("exactly once: two increments returned %d", sum)
			case sum > int64(r.counted):
				r.fail("exactly once: %d increments were submitted, and one returned %d", r.counted, sum)
			}
			r.sums[sum] = true
		}
		ended(done)
	}
}

// go on for a time.
func (r *run) pass(d time.Duration) error {
	if err := r.Run(d); err != nil {
		return bare(err)
	}
	return r.broken
}

// bare names the invariant before all else.
func bare(err error) error {
	var b *sim.Broken
	if errors.As(err, &b) {
		detail, _, _ := strings.Cut(b.Detail, "\n")
		return fmt.Errorf("%s: %s", b.Invariant, detail)
	}
	return err
}

// await goes on until something has come about.
func (r *run) await(limit time.Duration, what string, done func() bool) error {
	if err := r.RunUntil(limit, func() bool { return r.broken != nil || done() }); err != nil {
		return bare(err)
	}
	if r.broken == nil && !done() {
		r.fail("liveness: %s after %v more; %s", what, limit, r.standing())
	}
	return r.broken
}

func (r *run) standing() string {
	var b strings.Builder
	for i := range r.n {
		s := r.Replica(i).Status()
		fmt.Fprintf(&b, "r%d up=%v view=%d changing=%d low=%d ordered=%d executed=%d %s %s; ", i, r.Replica(i).Up(),
			s.Engine.View, s.Engine.ChangingTo, s.Engine.Low, s.Engine.Ordered, s.Executed, s.Engine.Waiting, s.Transfer)
	}
	return b.String()
}

// end makes everything whole, and demands that all that was asked for gets done
// and that all correct replicas then stand equal (R120).
func (r *run) end() error {
	r.ending = true
	r.Heal()
	if err := r.raise(); err != nil {
		return err
	}
	if err := r.await(sim.Settling, "operations are not done", func() bool { return r.finished == r.submitted }); err != nil {
		return err
	}
	if len(r.sums) != r.counted {
		return fmt.Errorf("exactly once: %d increments returned %d sums", r.counted, len(r.sums))
	}
	return r.await(sim.Settling, "the replicas are not equal", r.equal)
}

// raise starts every replica that is down.
func (r *run) raise() error {
	for i := range r.n {
		if !r.Replica(i).Up() {
			if err := r.Replica(i).Start(); err != nil && !r.faulty[i] { // a liar may be refused by its own log (R7)
				return fmt.Errorf("restart: %w", err)
			}
		}
	}
	return nil
}

// equal reports whether all correct replicas executed the same, and as much.
func (r *run) equal() bool {
	first := -1
	for i := range r.n {
		if r.faulty[i] {
			continue
		}
		if !r.Replica(i).Up() {
			return false
		}
		if first < 0 {
			first = i
		}
		a, b := r.Replica(first).Status(), r.Replica(i).Status()
		if a.Executed != b.Executed || a.History != b.History {
			return false
		}
	}
	return true
}

// between draws a duration.
func (r *run) between(least, most time.Duration) time.Duration {
	return least + time.Duration(r.rng.Int64N(int64(most-least)))
}

// correct draws a replica that is not faulty.
func (r *run) correct() int {
	for {
		if i := r.rng.IntN(r.n); !r.faulty[i] {
			return i
		}
	}
}
