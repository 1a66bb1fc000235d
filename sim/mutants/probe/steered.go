package main

import (
	"math/rand/v2"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/sim"
)

func steady(c *sim.Config, rng *rand.Rand) {
	c.DelayMax = time.Duration(20+rng.IntN(40)) * time.Millisecond
	c.SyncMax = time.Duration(1+rng.IntN(10)) * time.Millisecond
	c.Timeout, c.Loss = 300*time.Millisecond, 0
	c.Parameters.CheckpointInterval, c.Parameters.Window = 8, 32
}

// but returns a cut that leaves replicas out, each for itself.
func but(out ...int) func(from, to int) bool {
	return func(from, to int) bool {
		for _, i := range out {
			if from == i || to == i {
				return true
			}
		}
		return false
	}
}

func everything(int, int) bool { return true }

// until goes on until something has come about, or a time is over: a schedule
// that misses its mark this time goes on all the same.
func (r *run) until(limit time.Duration, done func() bool) error {
	if err := r.RunUntil(limit, func() bool { return r.broken != nil || done() }); err != nil {
		return bare(err)
	}
	return r.broken
}

func (r *run) view(i int) consensus.ViewNumber     { return r.Replica(i).Status().Engine.View }
func (r *run) changing(i int) consensus.ViewNumber { return r.Replica(i).Status().Engine.ChangingTo }
func (r *run) ordered(i int) consensus.Sequence    { return r.Replica(i).Status().Engine.Ordered }

// primary returns the primary of the highest view that a correct replica is in.
func (r *run) primary() int {
	v := consensus.ViewNumber(0)
	for i := range r.n {
		if !r.faulty[i] {
			v = max(v, r.view(i))
		}
	}
	return int(r.Group().Primary(v))
}

// every reports whether something holds for all replicas but one.
func (r *run) every(but int, holds func(i int) bool) bool {
	for i := range r.n {
		if i != but && !holds(i) {
			return false
		}
	}
	return true
}

// ahead waits until one replica has ordered what the others have not.
func (r *run) ahead(i int) error {
	return r.until(3*time.Second, func() bool {
		return r.every(i, func(j int) bool { return r.ordered(j) < r.ordered(i) })
	})
}

// fruitless lets a batch commit at one replica, which is then alone, while the
// others open a view, get nothing done in it, and open another one (R58).
func fruitless(seed uint64) error {
	r, err := start(seed, steady)
	if err != nil {
		return err
	}
	r.load(1)
	for range 8 {
		x := r.correct()
		if err := r.pass(r.between(50*time.Millisecond, 500*time.Millisecond)); err != nil {
			return err
		}
		if err := r.ahead(x); err != nil {
			return err
		}
		v := r.view(x)
		r.Cut(but(x))
		if err := r.until(5*time.Second, func() bool { return r.every(x, func(i int) bool { return r.view(i) > v }) }); err != nil {
			return err
		}
		r.Cut(everything)
		if err := r.until(5*time.Second, func() bool { return r.every(x, func(i int) bool { return r.changing(i) > r.view(i) }) }); err != nil {
			return err
		}
		r.Cut(but(x))
		if err := r.pass(r.between(time.Second, 3*time.Second)); err != nil {
			return err
		}
		r.Cut(nil)
		if err := r.pass(2 * time.Second); err != nil {
			return err
		}
	}
	return r.end()
}

// overruled lets a batch prepare at the primary alone, another one commit in the
// next view at its primary alone, and lets a third view be opened by what the
// first one shows and what the others prepared in the second (R59, R62).
func overruled(seed uint64) error {
	r, err := start(seed, steady)
	if err != nil {
		return err
	}
	r.load(1)
	for range 8 {
		if err := r.pass(r.between(300*time.Millisecond, time.Second)); err != nil {
			return err
		}
		v := r.view(0)
		first, second := int(r.Group().Primary(v)), int(r.Group().Primary(v+1))
		r.Cut(func(from, to int) bool { return from != first && to != first })
		if err := r.pass(r.between(100*time.Millisecond, 250*time.Millisecond)); err != nil {
			return err
		}
		r.Cut(everything)
		if err := r.until(5*time.Second, func() bool { return r.every(first, func(i int) bool { return r.changing(i) > v }) }); err != nil {
			return err
		}
		r.Cut(but(first))
		if err := r.until(5*time.Second, func() bool { return r.view(second) > v }); err != nil {
			return err
		}
		if err := r.ahead(second); err != nil {
			return err
		}
		r.Cut(but(first, second))
		w := r.view(second)
		if err := r.until(5*time.Second, func() bool {
			return r.every(first, func(i int) bool { return i == second || r.changing(i) > w })
		}); err != nil {
			return err
		}
		r.Cut(but(second))
		if err := r.pass(r.between(2*time.Second, 4*time.Second)); err != nil {
			return err
		}
		r.Cut(nil)
		if err := r.pass(2 * time.Second); err != nil {
			return err
		}
	}
	return r.end()
}

// betrayed lets a batch commit at one replica, which is then alone, while a liar
// opens the next view (R63).
func betrayed(seed uint64) error {
	r, err := start(seed, steady)
	if err != nil {
		return err
	}
	liar := r.rng.IntN(r.n)
	r.faulty[liar] = true
	r.Corrupt(liar, liars["forgetter"])
	r.load(1)
	for range 12 {
		if err := r.pass(r.between(300*time.Millisecond, time.Second)); err != nil {
			return err
		}
		x := r.correct()
		v := r.view(x)
		if int(r.Group().Primary(v+1)) != liar { // on to the next view
			r.Cut(but(int(r.Group().Primary(v))))
			if err := r.until(3*time.Second, func() bool { return r.view((liar+1)%r.n) > v }); err != nil {
				return err
			}
			r.Cut(nil)
			continue
		}
		if x = int(r.Group().Primary(v)); r.rng.IntN(3) == 0 {
			x = r.correct()
		}
		if err := r.ahead(x); err != nil {
			return err
		}
		r.Cut(but(x))
		if err := r.pass(r.between(time.Second, 3*time.Second)); err != nil {
			return err
		}
		r.Cut(nil)
	}
	return r.end()
}

// misled leaves out the replica that asks a liar first when it comes back (R93,
// R94).
func misled(seed uint64, make func(*sim.Faulty) sim.Behaviour) error {
	r, err := start(seed, func(c *sim.Config, rng *rand.Rand) {
		c.DelayMax, c.SyncMax = 4*time.Millisecond, 4*time.Millisecond
		c.Parameters.CheckpointInterval, c.Parameters.Window = 2, 4
		c.Parameters.SnapshotInterval = 1 + rng.Uint64N(3)
	})
	if err != nil {
		return err
	}
	victim := r.rng.IntN(r.n)
	liar := (victim + 1) % r.n
	r.faulty[liar] = true
	r.Corrupt(liar, make)
	r.load(2)
	for range 4 {
		r.Cut(but(victim))
		if err := r.pass(r.between(500*time.Millisecond, 1500*time.Millisecond)); err != nil {
			return err
		}
		r.Cut(nil)
		if err := r.pass(r.between(500*time.Millisecond, 3*time.Second)); err != nil {
			return err
		}
	}
	return r.end()
}

// split divides a group of five or six so that only the primary, a liar, speaks
// with both halves (R1).
func split(seed uint64) error {
	r, err := start(seed, func(c *sim.Config, rng *rand.Rand) {
		steady(c, rng)
		c.Replicas, c.Timeout = 5+int(seed)%2, time.Second
	})
	if err != nil {
		return err
	}
	r.faulty[0] = true
	r.Corrupt(0, liars["splitter"])
	r.Cut(func(from, to int) bool { return from != 0 && to != 0 && from%2 != to%2 })
	r.load(1)
	if err := r.pass(r.between(300*time.Millisecond, 900*time.Millisecond)); err != nil {
		return err
	}
	r.Cut(nil)
	if err := r.pass(3 * time.Second); err != nil {
		return err
	}
	return r.end()
}

// molasses is a network on which a round takes many time-outs (R67).
func molasses(seed uint64) error {
	r, err := start(seed, func(c *sim.Config, _ *rand.Rand) {
		c.Timeout, c.Loss = 100*time.Millisecond, 0
		c.DelayMin, c.DelayMax = 200*time.Millisecond, 300*time.Millisecond
	})
	if err != nil {
		return err
	}
	r.load(1)
	if err := r.pass(10 * time.Second); err != nil {
		return err
	}
	return r.end()
}
