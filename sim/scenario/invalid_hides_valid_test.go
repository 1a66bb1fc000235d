package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/sim"
)

// An invalid certificate that hides valid ones: a faulty replica puts one bad
// certificate among those of its view change. In concord-bft it kept the primary
// from seeing the good certificates of others for the same sequence. Source:
// vmware/concord-bft#50.
//
// R60: the view change is void as a whole, and counts for nothing: the batch that
// prepared at two correct replicas only is carried over.
func TestInvalidHidesValid(t *testing.T) {
	r := begin(t, sim.Config{Seed: 2})
	r.corrupt(3, "vc-invalid")
	// Prepared at r1 and r2; the commits are lost.
	r.Lose(func(_, _ int, frame []byte) bool {
		_, commit := vote(frame, pbft.TypeCommit)
		return commit || kind(frame) == pbft.TypeCommitCertificate
	})
	end := r.increment(0)
	r.run(timeout / 2)
	r.Lose(nil)
	r.Lose(func(from, to int, _ []byte) bool {
		return r.between(from, to) && (from == 0) && r.Now() < 3*time.Second
	})
	r.serve(30 * time.Second)
	r.level(30 * time.Second)
	if n := r.counter(1); n != 1 || end.Proof == nil {
		t.Errorf("the counter is %d after one increment", n)
	}
	if r.view() == 0 {
		t.Error("the view never changed")
	}
	r.lied()
}
