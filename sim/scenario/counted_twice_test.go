package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
)

// One signer counted twice: a certificate in which f+1 replicas signed several
// times each passed for a quorum. Source: johnhenry/raijin#16.
//
// R2, R19: signers are distinct, in every certificate and at every depth: new views
// with one view change under three names, and certificates padded with the liar's
// own signatures, prove nothing.
func TestCountedTwice(t *testing.T) {
	r := begin(t, sim.Config{Seed: 14})
	r.corrupt(1, "nv-thin+certificates")
	r.load(0, 20)
	r.run(time.Second)
	r.Cut(func(from, to int) bool { return from == 0 || to == 0 })
	r.load(1, 10)
	r.serve(60 * time.Second)
	r.Cut(nil)
	r.level(60 * time.Second)
	if r.view() < 2 {
		t.Errorf("view %d: view 1 was opened by one view change", r.view())
	}
	r.lied()
}
