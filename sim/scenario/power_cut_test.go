package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/sim"
)

// The power cut in the whole room: replicas that send before their log is synced
// acknowledge what all of them forget. Source: tendermint/tendermint#10108.
//
// R78, R79, R85: with everything lost that was not synced, and all replicas at
// once, what a client was told stands.
func TestPowerCut(t *testing.T) {
	for seed := uint64(1); seed <= 10; seed++ {
		r := begin(t, sim.Config{Seed: seed, SyncMax: 20 * time.Millisecond})
		acknowledged := int64(0)
		var ends []*session.Completion
		for cut := range 5 {
			for range 10 {
				ends = append(ends, r.increment(0))
			}
			r.run(time.Duration(3+7*cut) * 10 * time.Millisecond)
			acknowledged = 0
			for _, end := range ends {
				if end.Fate == session.Executed {
					acknowledged++
				}
			}
			for i := range r.n {
				r.Replica(i).CrashWith(sim.Loss{Lost: 1})
			}
			r.run(time.Second)
			for i := range r.n {
				if err := r.Replica(i).Start(); err != nil {
					t.Fatal(err)
				}
			}
			if n := r.counterOf(1); n < acknowledged {
				t.Fatalf("seed %d: the counter is %d after %d acknowledged increments", seed, n, acknowledged)
			}
		}
		r.serve(60 * time.Second)
		if acknowledged == 0 {
			t.Errorf("seed %d: nothing was acknowledged before the last cut", seed)
		}
	}
}
