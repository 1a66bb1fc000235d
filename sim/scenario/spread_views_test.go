package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/sim"
)

// Replicas spread over several views: one correct replica asks for view 2 while two
// ask for view 1, the liar tells each side what keeps it there, and the view changes
// for view 1 that the first one sent are lost. Nobody has a quorum, nobody sees f+1
// ahead, and no timer runs. Source: Bravo, Chockler and Gotsman, Making Byzantine
// consensus live, DISC '20; found here by the adversary "vc-invalid" under seed 1.
//
// R67, R68, R120: whoever asks for a later view has given this one up, and counts
// for the wait; the replicas meet in one view.
func TestSpreadViews(t *testing.T) {
	r := begin(t, sim.Config{Seed: 21})
	r.corrupt(0, "vc-invalid")
	r.load(0, 3)
	r.serve(5 * time.Second)
	// r2 hears every VIEW-CHANGE, r1 and r3 none of r2's for view 1.
	r.Lose(func(from, to int, frame []byte) bool {
		return from == 2 && kind(frame) == pbft.TypeViewChange && frame[8] == 1 ||
			kind(frame) == pbft.TypeNewView && frame[8] == 1 ||
			from == 0 && kind(frame) == pbft.TypePrePrepare
	})
	r.load(1, 3)
	r.serve(120 * time.Second)
	r.Lose(nil)
	r.level(60 * time.Second)
	if r.view() < 2 {
		t.Errorf("view %d", r.view())
	}
	r.lied()
}
