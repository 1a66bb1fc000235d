package main

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/store/log/logtest"
)

// disks is a plan with a fine network and a load that fills segment after segment
// of the logs.
func disks(seed uint64, trouble func(p *sim.Plan, rng *rand.Rand)) error {
	rng := rand.New(rand.NewPCG(seed, 11))
	p := sim.Plan{
		Seed: seed, Replicas: 4, Clients: 2, Parameters: sim.SmallParameters(), Timeout: 500 * time.Millisecond,
		Sync:    time.Duration(1+rng.IntN(20)) * time.Millisecond,
		Network: sim.Conditions{DelayMax: 5 * time.Millisecond}, Quiet: 20 * time.Second,
		Load: sim.Load{Operations: 400, InFlight: 4, Pause: 40 * time.Millisecond, Keys: 4},
	}
	p.Parameters.BatchRequestsMax = 1 + rng.Uint64N(3)
	trouble(&p, rng)
	slices.SortStableFunc(p.Steps, func(a, b sim.Step) int { return cmp.Compare(a.At, b.At) })
	if r := sim.Run(p, nil); r.Broken != nil {
		return bare(r.Broken)
	}
	return nil
}

func within(rng *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(rng.Int64N(int64(most-least)))
}

// failing lets calls of all disks fail, and fills them for a while (R81, R88). With
// a failure the power may go, too, and it goes now and then by itself.
func failing(seed uint64) error {
	return disks(seed, func(p *sim.Plan, rng *rand.Rand) {
		hows := []string{sim.FailWrite, sim.FailSync, sim.FailAny, sim.FailState}
		for i := range p.Replicas {
			for at := time.Duration(0); at < p.Quiet; at += within(rng, 200*time.Millisecond, 2*time.Second) {
				s := sim.Step{At: at, Do: sim.Fail, Replica: i, How: hows[rng.IntN(len(hows))], After: 1 + rng.IntN(20)}
				s.For, s.Power = within(rng, time.Millisecond, 300*time.Millisecond), rng.IntN(2) == 0
				switch rng.IntN(4) {
				case 0:
					s = sim.Step{At: at, Do: sim.Fill, Replica: i, For: within(rng, 100*time.Millisecond, 2*time.Second)}
				case 1:
					p.Steps = append(p.Steps, sim.Step{At: at + 100*time.Millisecond, Do: sim.Start, Replica: i})
					s = sim.Step{At: at, Do: sim.Crash, Replica: i, Lost: 1}
				}
				p.Steps = append(p.Steps, s)
			}
		}
	})
}

// rotting lets one replica's disk rot, lose writes and return old pages, again and
// again (R82, R83).
func rotting(seed uint64) error {
	return disks(seed, func(p *sim.Plan, rng *rand.Rand) {
		p.Load.Operations = 1600 // to the end: ten recoveries are more than an idle group orders batches for (R92)
		i := rng.IntN(p.Replicas)
		add := func(at time.Duration, s sim.Step) {
			s.At, s.Replica = at, i
			p.Steps = append(p.Steps, s)
		}
		for at := time.Second; at < p.Quiet; at += within(rng, time.Second, 3*time.Second) {
			switch rng.IntN(5) {
			case 0:
				add(at, sim.Step{Do: sim.Misdirect, After: 1 + rng.IntN(8)})
				add(at+500*time.Millisecond, sim.Step{Do: sim.Kill})
			case 1:
				add(at, sim.Step{Do: sim.Stale, For: within(rng, time.Millisecond, 500*time.Millisecond)})
			default:
				add(at+500*time.Millisecond, sim.Step{Do: sim.Kill})
				add(at+500*time.Millisecond, sim.Step{Do: sim.Rot, How: string(logtest.Harms[rng.IntN(len(logtest.Harms))])})
			}
			add(at+600*time.Millisecond, sim.Step{Do: sim.Start})
		}
	})
}

// decaying lets the state of one replica rot again and again, while much waits for its
// slow log (R51).
func decaying(seed uint64) error {
	return disks(seed, func(p *sim.Plan, rng *rand.Rand) {
		p.Sync = within(rng, 50*time.Millisecond, 200*time.Millisecond)
		i := rng.IntN(p.Replicas)
		for at := time.Second; at < p.Quiet; at += within(rng, 500*time.Millisecond, 2*time.Second) {
			p.Steps = append(p.Steps, sim.Step{At: at, Do: sim.Decay, Replica: i})
		}
	})
}
