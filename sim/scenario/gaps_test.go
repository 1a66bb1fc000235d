package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
)

// The primary that leaves gaps: it orders everything but every fourth number, so
// that votes flow and nothing above the first gap can be executed. A timer that any
// commit resets never fires. Source: Clement et al., NSDI '09, on progress timers.
//
// R42: the timer belongs to the lowest number that is not executed.
func TestGaps(t *testing.T) {
	r := begin(t, sim.Config{Seed: 25})
	r.run(50 * time.Millisecond) // all have asked each other by then (R91), and batches are small
	r.corrupt(0, "gap")
	r.load(0, 20)
	r.load(1, 20)
	r.serve(20 * time.Second)
	if r.view() == 0 {
		t.Error("the gap maker is primary still")
	}
	r.level(20 * time.Second)
	r.lied()
}
