package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
)

// Proof index against part index: parts of a CometBFT proposal came with valid
// proofs of other parts, passed, and stalled the network. Source: ASA-2025-002,
// GHSA-r3r4-g7hq-pq4f.
//
// R14, R94: chunks under another item's name, and receipts whose path leads to
// another place of the tree, are worth nothing; whoever waits asks another replica.
func TestProofIndex(t *testing.T) {
	r := begin(t, sim.Config{Seed: 11})
	r.corrupt(1, "state-item+reply-path")
	r.Cut(func(from, to int) bool { return from == 3 || to == 3 })
	r.load(0, 20)
	for range 20 {
		r.load(1, 6)
		r.run(time.Second)
	}
	r.Cut(nil)
	r.level(30 * time.Second)
	r.serve(30 * time.Second)
	r.lied()
}
