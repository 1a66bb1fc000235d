package main

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/sim/adversary"
)

// recovered waits until a replica that was made to forget may sign again (R92).
func (r *run) recovered(i int) error {
	return r.await(5*time.Minute, "a replica does not recover", func() bool {
		return r.Replica(i).Up() && !r.Replica(i).Forgot() && r.Replica(i).Status().Engine.Recovering == ""
	})
}

// up starts one replica.
func (r *run) up(i int) error {
	if r.Replica(i).Up() {
		return nil
	}
	return r.Replica(i).Start()
}

// wipe takes a replica's disk away, and has it start.
func (r *run) wipe(i int) error {
	r.Replica(i).Wipe()
	return r.up(i)
}

// amnesia lets one replica after the other lose its disk under load, some of them
// when they have just asked for a view that nobody else wants, and lets them crash
// in the middle of their recovery. When they vote again, the view changes (R92).
func amnesia(seed uint64) error {
	r, err := start(seed, func(c *sim.Config, rng *rand.Rand) {
		c.Replicas = 4 + 3*(int(seed)%2)
		c.Timeout = time.Duration(150+rng.IntN(250)) * time.Millisecond
		c.DelayMax = time.Duration(2+rng.IntN(30)) * time.Millisecond
		c.Loss = 0
	})
	if err != nil {
		return err
	}
	if r.f > 1 {
		r.faulty[0] = true
		r.Corrupt(0, adversary.New("recall-denied"))
	}
	r.load(1)
	for range 5 {
		if err := r.forgetful(); err != nil {
			return err
		}
	}
	return r.end()
}

// forgetful makes one replica forget, and waits until it has recovered.
func (r *run) forgetful() error {
	if err := r.pass(r.between(50*time.Millisecond, time.Second)); err != nil {
		return err
	}
	victim := r.correct()
	if r.rng.IntN(3) > 0 { // it asks for the next view, and nobody hears it
		r.Cut(but(victim))
		if err := r.pass(r.between(500*time.Millisecond, 2*time.Second)); err != nil {
			return err
		}
		r.Cut(nil)
	}
	if err := r.wipe(victim); err != nil {
		return err
	}
	if err := r.disturb(victim); err != nil {
		return err
	}
	if err := r.recovered(victim); err != nil {
		return err
	}
	if r.rng.IntN(2) == 0 {
		r.Replica(victim).Crash()
		if err := r.up(victim); err != nil {
			return err
		}
		// The end of the recovery may be what the crash took: then it recovers once more,
		// and nobody else may forget meanwhile.
		if err := r.recovered(victim); err != nil {
			return err
		}
	}
	if p := r.primary(); p != victim && r.rng.IntN(2) == 0 { // the others need its VIEW-CHANGE
		r.Cut(but(p))
		if err := r.pass(r.between(500*time.Millisecond, 3*time.Second)); err != nil {
			return err
		}
		r.Cut(nil)
	}
	return nil
}

// disturb takes the primary away from a replica that recovers, and its power.
func (r *run) disturb(victim int) error {
	if p := r.primary(); p != victim && r.rng.IntN(3) == 0 { // it would ask for the next view
		if err := r.pass(r.between(50*time.Millisecond, 500*time.Millisecond)); err != nil {
			return err
		}
		r.Cut(but(p))
		if err := r.pass(r.between(500*time.Millisecond, 3*time.Second)); err != nil {
			return err
		}
		r.Cut(nil)
	}
	for range r.rng.IntN(3) {
		if err := r.pass(r.between(20*time.Millisecond, 300*time.Millisecond)); err != nil {
			return err
		}
		r.Replica(victim).Crash()
		if err := r.up(victim); err != nil {
			return err
		}
	}
	return nil
}

// oldcopy puts an older copy of a folder back in a calm group: the others tell
// (R91).
func oldcopy(seed uint64) error {
	r, err := start(seed, func(c *sim.Config, _ *rand.Rand) {
		c.DelayMax, c.Loss, c.Duplication, c.SyncMax = 5*time.Millisecond, 0, 0, 5*time.Millisecond
		c.Parameters.CheckpointInterval, c.Parameters.Window = 16, 32
	})
	if err != nil {
		return err
	}
	r.load(1)
	if err := r.pass(r.between(100*time.Millisecond, 2*time.Second)); err != nil {
		return err
	}
	i := r.rng.IntN(r.n)
	r.Replica(i).Copy()
	copied := r.ordered(i)
	// Not just up to a checkpoint: what that covers may be forgotten, and is nowhere.
	if err := r.until(20*time.Second, func() bool {
		low := r.Replica(i).Status().Engine.Low
		return r.ordered(i) > copied+2 && r.every(-1, func(k int) bool {
			s := r.Replica(k).Status().Engine
			return s.Low == low && s.Ordered > low+1 && s.Ordered < low+4
		})
	}); err != nil {
		return err
	}
	r.Cut(func(from, to int) bool { return from != i && to != i }) // and nothing more does
	r.Replica(i).Rollback()
	if err := r.pass(50 * time.Millisecond); err != nil {
		return err
	}
	if err := r.up(i); err != nil {
		return err
	}
	if err := r.await(10*time.Second, "an old copy is not recognised", func() bool { return r.Replica(i).Status().Engine.Recovering != "" }); err != nil {
		return err
	}
	r.Cut(nil)
	if err := r.recovered(i); err != nil {
		return err
	}
	return r.end()
}

// unasked lets a replica lose its disk when no client wants anything any more, and
// the primary with its power (R30, R92).
func unasked(seed uint64) error {
	r, err := start(seed, func(c *sim.Config, _ *rand.Rand) { c.Replicas, c.Timeout = 7, 300*time.Millisecond })
	if err != nil {
		return err
	}
	r.total = 20
	r.load(1)
	if err := r.await(sim.Settling, "operations are not done", func() bool { return r.finished == r.submitted }); err != nil {
		return err
	}
	p := r.primary()
	victim := (p + 1 + r.rng.IntN(r.n-1)) % r.n
	r.Replica(victim).Wipe()
	if seed%2 == 0 {
		r.Replica(p).Crash()
	}
	if err := r.up(victim); err != nil {
		return err
	}
	if err := r.recovered(victim); err != nil {
		return err
	}
	return r.end()
}

// stalled lets a replica lose its disk when it has committed a little above the
// last checkpoint, and nobody asks for more. Once it has recovered the view changes,
// and what it shows must not lack what it committed to (R92).
func stalled(seed uint64) error {
	r, err := start(seed, func(c *sim.Config, _ *rand.Rand) {
		c.Replicas, c.Timeout = 7, 300*time.Millisecond
		c.DelayMax, c.Loss = 10*time.Millisecond, 0
		c.Parameters.CheckpointInterval, c.Parameters.Window = 16, 32
	})
	if err != nil {
		return err
	}
	liar := int(seed) % 7
	r.faulty[liar] = true
	r.Corrupt(liar, adversary.New("recall-denied"))
	for range 3 {
		r.total = r.submitted + 30
		r.load(1)
		if err := r.await(sim.Settling, "operations are not done", func() bool { return r.finished == r.submitted }); err != nil {
			return err
		}
		p := r.primary()
		victim := r.correct()
		if victim == p {
			continue
		}
		if err := r.wipe(victim); err != nil {
			return err
		}
		if err := r.recovered(victim); err != nil {
			return err
		}
		r.total = r.submitted + 10
		r.Cut(but(p))
		r.load(1)
		if err := r.pass(3 * time.Second); err != nil {
			return err
		}
		r.Cut(nil)
	}
	return r.end()
}

// relapse copies a replica's folder in the middle of a recovery, when the bound is in
// its log, and puts it back when the replica votes again: what it voted on since lies
// above that bound, and once it has recovered anew its VIEW-CHANGE must not lack it
// (R91, R92).
func relapse(seed uint64) error {
	r, err := start(seed, func(c *sim.Config, _ *rand.Rand) {
		c.Timeout, c.DelayMax, c.Loss = 300*time.Millisecond, 10*time.Millisecond, 0
		c.Parameters.CheckpointInterval, c.Parameters.Window = 16, 32
	})
	if err != nil {
		return err
	}
	if err := r.some(30); err != nil {
		return err
	}
	victim := (r.primary() + 1 + r.rng.IntN(r.n-1)) % r.n
	if err := r.wipe(victim); err != nil {
		return err
	}
	if err := r.await(time.Minute, "it finds no bound", func() bool {
		return strings.Contains(r.Replica(victim).Status().Engine.Recovering, "until the checkpoint at")
	}); err != nil {
		return err
	}
	if err := r.pass(r.between(10*time.Millisecond, 80*time.Millisecond)); err != nil {
		return err
	}
	r.Replica(victim).Copy()
	if err := r.recovered(victim); err != nil {
		return err
	}
	if err := r.depose(victim); err != nil { // from the next view on it votes
		return err
	}
	if err := r.some(20 + r.rng.IntN(20)); err != nil {
		return err
	}
	r.Replica(victim).Rollback()
	if err := r.up(victim); err != nil {
		return err
	}
	if err := r.recovered(victim); err != nil {
		return err
	}
	if err := r.depose(victim); err != nil {
		return err
	}
	return r.end()
}

// some has clients ask for so much and waits until it is done.
func (r *run) some(operations int) error {
	r.total = r.submitted + operations
	r.load(1)
	return r.await(sim.Settling, "operations are not done", func() bool { return r.finished == r.submitted })
}

// depose leaves the primary out until the others have another one, if that is not
// the replica that they need for it.
func (r *run) depose(needed int) error {
	p := r.primary()
	if p == needed {
		return nil
	}
	r.total = r.submitted + 10
	r.Cut(but(p))
	r.load(1)
	if err := r.pass(3 * time.Second); err != nil {
		return err
	}
	r.Cut(nil)
	return nil
}
