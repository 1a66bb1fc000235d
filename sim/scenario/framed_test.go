package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
)

// The framed replica: votes of two views, or one vote twice, passed for
// equivocation and had correct validators punished. Source: Tendermint's duplicate
// vote evidence, tendermint/tendermint#5560 and ADR 059.
//
// R46, R47: evidence is a pair that no correct replica can have signed in any
// history; nothing that a liar puts together from votes that it heard is one. The
// world fails if a correct replica accuses another.
func TestFramed(t *testing.T) {
	r := begin(t, sim.Config{Seed: 27, Loss: 0.05})
	r.corrupt(3, "frame-up+replay")
	for round := range 4 {
		r.load(0, 10)
		victim := round % 3
		r.Cut(func(from, to int) bool { return from == victim || to == victim })
		r.run(2 * time.Second)
		r.Cut(nil)
		r.run(time.Second)
	}
	r.serve(60 * time.Second)
	r.level(60 * time.Second)
	r.lied()
}
