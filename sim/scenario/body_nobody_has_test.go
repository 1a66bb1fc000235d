package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
)

// The body that nobody has: PBFT orders digests, and a digest can commit whose
// request no correct replica holds; execution then stands still for ever. Source:
// Chondros, Kokordelis and Roussopoulos, On the practicality of practical Byzantine
// fault tolerance, arXiv 1110.4854.
//
// R21, R22, R42: a replica votes only for what it holds in full. The proposal never
// prepares, its primary is replaced, and its number is filled with null.
func TestBodyNobodyHas(t *testing.T) {
	for _, name := range []string{"unfetchable", "withhold+fetch-mute"} {
		r := begin(t, sim.Config{Seed: 15})
		r.corrupt(0, name)
		// The client sends to the liar alone, until its first repetition.
		r.Lose(func(from, to int, _ []byte) bool { return from >= r.n && to != 0 && r.Now() < 200*time.Millisecond })
		r.load(0, 5)
		r.serve(30 * time.Second)
		r.level(30 * time.Second)
		if n := r.counter(1); n != 5 {
			t.Errorf("%s: the counter is %d after 5 increments", name, n)
		}
		r.lied()
	}
}
