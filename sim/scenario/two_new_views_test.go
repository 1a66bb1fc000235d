package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/sim"
)

// Two new views for one view, both of them valid: the primary of view 1 hides in
// its own view change what prepared from one half of the group, and shows it to the
// other. Source: Bano et al., Twins: BFT systems made robust, OPODIS '21.
//
// R36, R62, R72: each backup is bound by the one that it took, the halves reach no
// quorum for two batches at one number, and the next view decides.
func TestTwoNewViews(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		r := begin(t, sim.Config{Seed: seed})
		r.corrupt(1, "nv-two+double-vote")
		// Prepared at r0 and the liar; r2 and r3 miss the prepares.
		r.Lose(func(_, to int, frame []byte) bool {
			v, prepare := vote(frame, pbft.TypePrepare)
			_, commit := vote(frame, pbft.TypeCommit)
			return prepare && v.Header.View == 0 && to > 1 || commit && v.Header.View == 0 || kind(frame) == pbft.TypeCommitCertificate
		})
		r.load(0, 3)
		r.until(20*time.Second, "view 1", func() bool { return r.view() >= 1 })
		r.Lose(nil)
		r.serve(60 * time.Second)
		r.level(60 * time.Second)
		if n := r.counter(1); n != 3 {
			t.Errorf("seed %d: the counter is %d after 3 increments", seed, n)
		}
		r.lied()
	}
}
