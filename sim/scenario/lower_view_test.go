package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
)

// A certificate of a lower view in the place of one of a higher view: the liar
// shows in each view change the oldest certificates that it ever had. In
// concord-bft an older certificate could overwrite a newer one for the same
// sequence. Source: vmware/concord-bft#509.
//
// R59, R62: among the certificates of a quorum, the highest view decides, in
// whatever order they come.
func TestLowerView(t *testing.T) {
	r := begin(t, sim.Config{Seed: 4, Loss: 0.1})
	r.corrupt(2, "vc-lower+vc-stale")
	for round := range 5 {
		r.load(0, 4)
		r.load(1, 4)
		victim := round % 4
		r.Cut(func(from, to int) bool { return from == victim || to == victim })
		r.run(2 * time.Second)
		r.Cut(nil)
		r.run(time.Second)
	}
	r.serve(120 * time.Second)
	r.level(120 * time.Second)
	if n := r.counter(0); n != 40 {
		t.Errorf("the counter is %d after 40 increments", n)
	}
	r.lied()
}
