package sim_test

import (
	"slices"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
)

// rotten is a plan in which entries of one replica's state rot all the time. Restarts
// find some of it, too.
func rotten(seed uint64, replicas int, restarts bool) sim.Plan {
	p := sim.Schedule(seed, sim.Wishes{Replicas: replicas, Adversary: "none"})
	p.Quiet, p.Away, p.Steps = 20*time.Second, nil, nil
	p.Load.Operations, p.Load.Pause = 200, 100*time.Millisecond
	for i := range 12 {
		p.Steps = append(p.Steps, sim.Step{At: time.Duration(i+1) * 1500 * time.Millisecond, Do: sim.Decay, Replica: 1})
		if restarts && i%4 == 3 {
			p.Steps = append(p.Steps,
				sim.Step{At: time.Duration(i+1)*1500*time.Millisecond + 10*time.Millisecond, Do: sim.Crash, Replica: 1},
				sim.Step{At: time.Duration(i+1)*1500*time.Millisecond + 600*time.Millisecond, Do: sim.Start, Replica: 1})
		}
	}
	return p
}

// TestRot: a state that rots is found out, is not answered from, and is repaired,
// while the replica votes on; no client believes a wrong answer (R51, R56, R121).
func TestRot(t *testing.T) {
	var all sim.Coverage
	seeds := uint64(30)
	if testing.Short() {
		seeds = 6
	}
	for seed := range seeds {
		p := rotten(900+seed, []int{4, 5, 7}[seed%3], seed%2 == 0)
		r := sim.Run(p, nil)
		if r.Broken != nil {
			t.Errorf("seed %d: %v\n%s", p.Seed, r.Broken, p.Marshal())
		}
		all.Add(&r.Coverage)
	}
	for _, what := range []string{
		"fault entry dropped", "fault entry flipped", "fault entry swapped", "fault entry hidden", "fault entry broken",
		"fault alarm", "fault repaired", "rot found by the replica", "state given up",
	} {
		if !slices.ContainsFunc(all.Counts(), func(c sim.Count) bool { return c.Name == what && c.Times > 0 }) {
			t.Errorf("nothing of %q: %v", what, all.Counts())
		}
	}
}
