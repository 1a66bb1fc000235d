package main

import (
	"math/rand/v2"
	"time"

	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/sim/adversary"
)

// lies lets f replicas lie in one way, among them the first or the second primary
// more often than not, while views change.
func lies(seed uint64, make func(*sim.Faulty) sim.Behaviour) error {
	r, err := start(seed, func(c *sim.Config, rng *rand.Rand) {
		c.Replicas = 4 + int(seed)%4
		c.Timeout = time.Duration(100+rng.IntN(400)) * time.Millisecond
		c.DelayMax = time.Duration(2+rng.IntN(40)) * time.Millisecond
	})
	if err != nil {
		return err
	}
	for len(r.faulty) < r.f {
		i := r.correct()
		if r.rng.IntN(3) > 0 {
			i = int(seed) % 2
		}
		if !r.faulty[i] {
			r.faulty[i] = true
			r.Corrupt(i, make)
		}
	}
	r.load(3)
	for range 10 {
		if err := r.pass(r.between(50*time.Millisecond, time.Second)); err != nil {
			return err
		}
		victim := r.correct()
		if p := r.primary(); r.rng.IntN(2) == 0 && !r.faulty[p] { // so that a liar gets its turn
			victim = p
		}
		switch r.rng.IntN(4) {
		case 0:
			r.Cut(func(from, to int) bool { return from == victim || to == victim })
		case 1:
			r.Replica(victim).Crash()
		case 2:
			r.Cut(nil)
		}
		if err := r.pass(r.between(time.Millisecond, time.Second)); err != nil {
			return err
		}
		if err := r.raise(); err != nil {
			return err
		}
	}
	return r.end()
}

// fools lets one client lie.
func fools(seed uint64, name string) error {
	r, err := start(seed, func(c *sim.Config, rng *rand.Rand) {
		c.Replicas = 4 + int(seed)%4
		c.DelayMax = time.Duration(2+rng.IntN(40)) * time.Millisecond
	})
	if err != nil {
		return err
	}
	r.fool = 1
	r.CorruptClient(1, adversary.NewClient(name))
	r.load(3)
	for range 6 {
		if err := r.pass(r.between(50*time.Millisecond, time.Second)); err != nil {
			return err
		}
		r.Replica(r.correct()).Crash()
		if err := r.raise(); err != nil {
			return err
		}
	}
	return r.end()
}

// swarm runs schedules as "bench sim" draws them.
func swarm(seed uint64) error {
	for i := range uint64(8) {
		report := sim.Run(sim.Schedule(100*seed+i, sim.Wishes{}), nil)
		if report.Broken != nil {
			return bare(report.Broken)
		}
	}
	return nil
}
