package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
)

// The replica in the dark: a faulty primary and one more liar speak with a bare
// quorum and never with one correct replica. Nothing is wrong for the others, so
// that no view change helps it. Source: Berger, Reiser and Bessani, arXiv
// 2107.11144, section on liveness.
//
// R98, R122: it learns what committed from the others, within a second, and needs
// neither the primary nor a state transfer.
func TestInTheDark(t *testing.T) {
	r := begin(t, sim.Config{Seed: 6})
	r.corrupt(0, "dark")
	for range 20 {
		r.increment(0)
		r.serve(5 * time.Second)
		reached := r.executed(2)
		r.until(time.Second, "known in the dark", func() bool { return r.executed(1) >= reached })
	}
	if r.view() != 0 {
		t.Errorf("view %d: somebody was deposed", r.view())
	}
	r.lied()
}
