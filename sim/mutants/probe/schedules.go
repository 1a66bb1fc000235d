package main

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/sim/adversary"
	"github.com/varangian-bft/varangian/statemachine"
)

// A schedule is one kind of hostile world.
type schedule struct {
	name string
	run  func(seed uint64) error
}

// schedules returns all of them in order of cost.
func schedules() []schedule {
	list := slices.Clone(honest)
	for _, name := range adversary.Names() {
		list = append(list, schedule{"lie:" + name, func(seed uint64) error { return lies(seed, adversary.New(name)) }})
	}
	for _, name := range adversary.Names() {
		if strings.HasPrefix(name, "state-") {
			list = append(list, schedule{"dark:" + name, func(seed uint64) error { return misled(seed, adversary.New(name)) }})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		list = append(list, schedule{"dark:" + name, func(seed uint64) error { return misled(seed, sources[name]) }})
	}
	for _, name := range slices.Sorted(maps.Keys(liars)) {
		list = append(list, schedule{"lie:" + name, func(seed uint64) error { return lies(seed, liars[name]) }})
	}
	for _, name := range adversary.ClientNames() {
		list = append(list, schedule{"lie:" + name, func(seed uint64) error { return fools(seed, name) }})
	}
	return append(list, schedule{"swarm", swarm})
}

// honest are the schedules without liars.
var honest = []schedule{
	{"calm", calm},
	{"blinks", blinks},
	{"power", power},
	{"churn", churn},
	{"dark", dark},
	{"halfway", halfway},
	{"storm", storm},
	{"fruitless", fruitless},
	{"overruled", overruled},
	{"betrayed", betrayed},
	{"split", split},
	{"molasses", molasses},
	{"removal", removal},
	{"errors", failing},
	{"rot", rotting},
	{"decay", decaying},
	{"amnesia", amnesia},
	{"oldcopy", oldcopy},
	{"unasked", unasked},
	{"stalled", stalled},
	{"relapse", relapse},
}

// calm is a healthy group with a small window.
func calm(seed uint64) error {
	r, err := start(seed, func(c *sim.Config, rng *rand.Rand) {
		c.Replicas = 4 + rng.IntN(4)
		c.DelayMax, c.Loss, c.Duplication, c.SyncMax = 5*time.Millisecond, 0, 0, 5*time.Millisecond
	})
	if err != nil {
		return err
	}
	r.load(3)
	if err := r.pass(3 * time.Second); err != nil {
		return err
	}
	return r.end()
}

// blinks restarts single replicas all the time, on disks so slow that each forgets
// much (R36, R78).
func blinks(seed uint64) error {
	r, err := start(seed, func(c *sim.Config, rng *rand.Rand) {
		c.SyncMax = time.Duration(20+rng.IntN(200)) * time.Millisecond
		c.DelayMax = time.Duration(2+rng.IntN(20)) * time.Millisecond
	})
	if err != nil {
		return err
	}
	r.load(3)
	for range 60 {
		if err := r.pass(r.between(20*time.Millisecond, 500*time.Millisecond)); err != nil {
			return err
		}
		r.Replica(r.correct()).Crash()
		if err := r.pass(r.between(time.Millisecond, 300*time.Millisecond)); err != nil {
			return err
		}
		if err := r.raise(); err != nil {
			return err
		}
	}
	return r.end()
}

// power takes the power from all replicas at once, again and again (R79).
func power(seed uint64) error {
	r, err := start(seed, func(c *sim.Config, rng *rand.Rand) {
		c.SyncMax = time.Duration(5+rng.IntN(150)) * time.Millisecond
	})
	if err != nil {
		return err
	}
	r.load(3)
	for range 15 {
		if err := r.pass(r.between(50*time.Millisecond, 3*time.Second)); err != nil {
			return err
		}
		for i := range r.n {
			r.Replica(i).Crash()
		}
		if err := r.pass(r.between(time.Millisecond, 100*time.Millisecond)); err != nil {
			return err
		}
		if err := r.raise(); err != nil {
			return err
		}
	}
	return r.end()
}

// churn has time-outs that are hardly longer than a round, and partitions that
// move: views follow each other before they got anything done (R58, R62).
func churn(seed uint64) error {
	r, err := start(seed, func(c *sim.Config, rng *rand.Rand) {
		c.Replicas = 4 + rng.IntN(4)
		c.DelayMax = time.Duration(10+rng.IntN(60)) * time.Millisecond
		c.Timeout = time.Duration(50+rng.IntN(200)) * time.Millisecond
		c.SyncMax = time.Duration(1+rng.IntN(20)) * time.Millisecond
	})
	if err != nil {
		return err
	}
	if r.rng.IntN(2) == 0 { // primaries that disagree about the time (R37)
		for i := range r.n {
			r.Replica(i).SetClock(sim.Clock{Offset: r.between(-20*time.Second, 20*time.Second)})
		}
	}
	r.load(3)
	for range 60 {
		if err := r.pass(r.between(10*time.Millisecond, 400*time.Millisecond)); err != nil {
			return err
		}
		deaf, dumb := r.rng.Uint64(), r.rng.Uint64()
		switch r.rng.IntN(4) {
		case 0:
			r.Cut(nil)
		case 1: // every channel for itself
			seed := r.rng.Uint64()
			r.Cut(func(from, to int) bool { return (seed>>(uint(from*r.n+to)%61))&3 == 0 })
		case 2: // each replica deaf, dumb, both or neither
			r.Cut(func(from, to int) bool { return dumb>>from&3 == 0 || deaf>>to&3 == 0 })
		case 3:
			victim := r.correct()
			r.Replica(victim).Crash()
			if err := r.pass(r.between(time.Millisecond, 100*time.Millisecond)); err != nil {
				return err
			}
			if err := r.raise(); err != nil {
				return err
			}
		}
	}
	return r.end()
}

// dark leaves a replica out for so long that the others forget what it lacks, and
// lets it come back under load (R54, R93).
func dark(seed uint64) error {
	r, err := start(seed, func(c *sim.Config, rng *rand.Rand) {
		c.DelayMax, c.SyncMax = 4*time.Millisecond, time.Duration(2+rng.IntN(60))*time.Millisecond
	})
	if err != nil {
		return err
	}
	r.load(3)
	for range 5 {
		victim := r.correct()
		if r.rng.IntN(2) == 0 {
			r.Cut(func(from, to int) bool { return from == victim || to == victim })
		} else {
			r.Replica(victim).Crash()
		}
		if err := r.pass(r.between(500*time.Millisecond, 4*time.Second)); err != nil {
			return err
		}
		r.Cut(nil)
		if err := r.raise(); err != nil {
			return err
		}
		if err := r.pass(r.between(50*time.Millisecond, time.Second)); err != nil {
			return err
		}
		if r.rng.IntN(2) == 0 { // in the middle of its transfer
			r.Replica(victim).Crash()
		}
	}
	return r.end()
}

// halfway lets a replica lose power while it installs a state, again and again (R95).
func halfway(seed uint64) error {
	r, err := start(seed, func(c *sim.Config, _ *rand.Rand) {
		c.DelayMax, c.Loss, c.SyncMax = 4*time.Millisecond, 0, 20*time.Millisecond
	})
	if err != nil {
		return err
	}
	r.load(3)
	victim := r.correct()
	for range 6 {
		r.Cut(func(from, to int) bool { return from == victim || to == victim })
		if err := r.pass(r.between(2*time.Second, 4*time.Second)); err != nil {
			return err
		}
		r.Cut(nil)
		if err := r.RunUntil(10*time.Second, r.Replica(victim).Installing); err != nil {
			return bare(err)
		}
		r.Replica(victim).Crash()
		if err := r.up(victim); err != nil {
			return err
		}
	}
	return r.end()
}

// storm is everything that honest parties can suffer, moderately.
func storm(seed uint64) error {
	r, err := start(seed, func(c *sim.Config, rng *rand.Rand) {
		c.Replicas = 4 + rng.IntN(4)
		c.DelayMax = time.Duration(1+rng.IntN(150)) * time.Millisecond
		c.Loss, c.Duplication = rng.Float64()*0.3, rng.Float64()*0.5
	})
	if err != nil {
		return err
	}
	r.load(3)
	for range 20 {
		if err := r.pass(r.between(50*time.Millisecond, 2*time.Second)); err != nil {
			return err
		}
		victim, side := r.correct(), r.rng.IntN(3)
		switch r.rng.IntN(5) {
		case 0, 1:
			if r.down() < r.f {
				r.Replica(victim).Crash()
			}
		case 2:
			if err := r.raise(); err != nil {
				return err
			}
		case 3:
			r.Cut(func(from, to int) bool { return from == victim && side != 1 || to == victim && side != 0 })
		default:
			r.Cut(nil)
		}
	}
	return r.end()
}

func (r *run) down() (n int) {
	for i := range r.n {
		if !r.Replica(i).Up() {
			n++
		}
	}
	return n
}

// administer submits an operation on the table of clients by the operator, which
// has to be done, and one by a client that is none, which must not be.
func (r *run) administer(op, forbidden []byte, ended func()) {
	r.submitted++
	r.Client(0).Administer(op, func(done session.Completion) {
		r.finished++
		ended()
		if done.Fate != session.Executed || done.Result.Class != consensus.ResultOK {
			r.fail("authorisation: the operator is answered with fate %d, class %d: %s", done.Fate, done.Result.Class, done.Result.Value)
		}
	})
	r.Client(1).Administer(forbidden, func(done session.Completion) {
		if done.Fate == session.Executed && done.Result.Class != consensus.ResultUnauthorised {
			r.fail("authorisation: who is no operator is answered with class %d", done.Result.Class)
		}
	})
}

// removal removes a client and enrols it again, while it goes on asking and while
// replicas restart (R34). The client tries to remove the operator in return.
func removal(seed uint64) error {
	r, err := start(seed, func(c *sim.Config, _ *rand.Rand) { c.DelayMax, c.Loss = 10*time.Millisecond, 0 })
	if err != nil {
		return err
	}
	r.fool = 1
	operator, client := r.Group().Genesis.Clients[0], r.Group().Genesis.Clients[1]
	r.load(3)
	for i := range 16 {
		op := statemachine.RemoveOperation(client.Client)
		if i%2 == 1 {
			op = statemachine.EnrolOperation(client)
		}
		ended := false // the next one must not overtake it
		r.administer(op, statemachine.RemoveOperation(operator.Client), func() { ended = true })
		if err := r.pass(r.between(100*time.Millisecond, time.Second)); err != nil {
			return err
		}
		if r.rng.IntN(3) == 0 {
			r.Replica(r.correct()).Crash()
			if err := r.raise(); err != nil {
				return err
			}
		}
		if err := r.await(time.Minute, "the operator waits", func() bool { return ended }); err != nil {
			return err
		}
	}
	return r.end()
}
