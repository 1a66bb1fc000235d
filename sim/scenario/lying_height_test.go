package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
)

// The lie about the height: a peer of a syncing CometBFT node reported a height
// far above the truth, and the node waited for it for ever. Source: ASA-2025-001,
// GHSA-22qq-3xwm-r5x4.
//
// R53, R54, R93, R94: one checkpoint, however high, starts nothing, wrong plans are
// refused, and the replica that was away is level within seconds.
func TestLyingHeight(t *testing.T) {
	r := begin(t, sim.Config{Seed: 12})
	r.corrupt(2, "checkpoint-far+state-plan")
	r.Cut(func(from, to int) bool { return from == 3 || to == 3 })
	for range 20 {
		r.load(0, 6)
		r.run(time.Second)
	}
	r.serve(30 * time.Second)
	r.Cut(nil)
	r.level(20 * time.Second)
	r.lied()
}
