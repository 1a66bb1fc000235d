package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
)

// The transfer that races with commits: a Fabric orderer committed a block that it
// had synchronised a second time, and panicked; concord-bft transfers were corrupted
// by messages that arrived meanwhile, and kept replicas out for ever. Source:
// hyperledger/fabric#5076; vmware/concord-bft#2863.
//
// R64, R95, R96: while the state is on its way commits go on and the replica crashes
// in the middle of it, again and again; it ends level, with each batch executed once.
func TestRacingTransfer(t *testing.T) {
	r := begin(t, sim.Config{Seed: 26, SyncMax: 20 * time.Millisecond})
	for round := range 4 {
		r.Cut(func(from, to int) bool { return from == 3 || to == 3 })
		for range 8 {
			r.load(0, 6)
			r.run(500 * time.Millisecond)
		}
		r.Cut(nil)
		for range 6 {
			r.load(1, 3)
			r.run(time.Duration(20+30*round) * time.Millisecond)
			r.Replica(3).Crash()
			if err := r.Replica(3).Start(); err != nil {
				t.Fatal(err)
			}
		}
		r.serve(30 * time.Second)
		r.level(30 * time.Second)
	}
	if n := r.counter(0); n != 4*8*6+4*6*3 {
		t.Errorf("the counter is %d", n)
	}
}
