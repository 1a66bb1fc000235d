package sim

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"
)

var (
	seedFlag  = flag.Uint64("sim.seed", 0, "run only this seed")
	seedsFlag = flag.Int("sim.seeds", 0, "how many seeds to run; 0 means a few")
)

// hostile draws a world from a seed: delays, losses and windows differ from seed
// to seed.
func hostile(seed uint64) Config {
	rng := rand.New(rand.NewPCG(seed, 2))
	sizes := []int{4, 4, 4, 5, 7}
	p := SmallParameters()
	p.CheckpointInterval = 2 + rng.Uint64N(8)
	p.Window = p.CheckpointInterval * (2 + rng.Uint64N(3))
	p.SnapshotInterval = 1 + rng.Uint64N(4)
	p.BatchRequestsMax = 1 + rng.Uint64N(8)
	return Config{
		Seed: seed, Replicas: sizes[rng.IntN(len(sizes))], Clients: 1 + rng.IntN(4), Parameters: p,
		DelayMin: 0, DelayMax: time.Duration(1+rng.IntN(200)) * time.Millisecond,
		Loss: rng.Float64() * 0.3, Duplication: rng.Float64() * 0.5,
		SyncMax: time.Duration(1+rng.IntN(50)) * time.Millisecond,
	}
}

// mischief crashes, restarts and cuts off at most f replicas at a time until the
// time is over, and then makes everything whole.
func mischief(t *testing.T, w *World, total time.Duration) {
	t.Helper()
	f := w.group.F
	for end := w.Now() + total; w.Now() < end; {
		if err := w.Run(w.between(50*time.Millisecond, 3*time.Second)); err != nil {
			t.Fatal(err)
		}
		victim := w.Random().IntN(len(w.replicas))
		switch w.Random().IntN(4) {
		case 0, 1:
			if down := len(w.replicas) - upCount(w); down < f && w.Replica(victim).Up() {
				w.Replica(victim).Crash()
			}
		case 2:
			restartAll(t, w)
		case 3:
			side := w.Random().IntN(2)
			w.Cut(func(from, to int) bool { return from == victim && side == 0 || to == victim })
		}
		if w.Random().IntN(3) == 0 {
			w.Cut(nil)
		}
	}
	w.Cut(nil)
	restartAll(t, w)
}

func upCount(w *World) (n int) {
	for _, r := range w.replicas {
		if r.Up() {
			n++
		}
	}
	return n
}

func restartAll(t *testing.T, w *World) {
	t.Helper()
	for _, r := range w.replicas {
		if !r.Up() {
			if err := r.Start(); err != nil {
				t.Fatalf("seed %d: %v", w.cfg.Seed, err)
			}
		}
	}
}

// TestSchedules runs random worlds: safety holds in every step (R118), and once
// the mischief ends, everything that clients asked for is done and all replicas
// stand equal (R120).
func TestSchedules(t *testing.T) {
	first, count := uint64(1), 12
	if *seedsFlag > 0 {
		count = *seedsFlag
	}
	if *seedFlag > 0 {
		first, count = *seedFlag, 1
	}
	for seed := first; seed < first+uint64(count); seed++ {
		schedule(t, seed)
	}
}

func schedule(t *testing.T, seed uint64) {
	t.Helper()
	w := newWorld(t, hostile(seed))
	done := load(w, 60+int(seed%5)*40)
	mischief(t, w, 40*time.Second)
	w.cfg.Loss = min(w.cfg.Loss, 0.05)
	run(t, w, 400*time.Second, done)
	run(t, w, 120*time.Second, func() bool { return equalHistories(w) })
}

// TestSameSeedSameRun: chance comes from the seed alone.
func TestSameSeedSameRun(t *testing.T) {
	digests := map[string]bool{}
	for range 3 {
		w := newWorld(t, hostile(7))
		load(w, 50)
		mischief(t, w, 10*time.Second)
		digests[w.Digest().String()] = true
	}
	if len(digests) != 1 {
		t.Fatalf("one seed gave %d different runs", len(digests))
	}
}
