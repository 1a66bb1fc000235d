package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/sim"
)

// Prepared state dropped over fruitless view changes: a batch commits at one
// replica, and the primaries of the next two views never open them. Protocols that
// forget at a view change what prepared before it then order something else.
// Source: Saltini and Hyland-Wood, Correctness analysis of IBFT, arXiv 1901.07160;
// johnhenry/raijin#8.
//
// R58, R67: certificates survive views that never became active; view 3 carries
// the batch over.
func TestFruitlessViews(t *testing.T) {
	r := begin(t, sim.Config{Seed: 3, Replicas: 7})
	r.corrupt(1, "nv-silent")
	r.corrupt(2, "nv-silent")
	r.increment(0)
	r.serve(5 * time.Second)
	r.level(5 * time.Second)
	before := r.executed(6)
	r.Lose(func(_, to int, frame []byte) bool {
		_, commit := vote(frame, pbft.TypeCommit)
		return commit && to != 6 || kind(frame) == pbft.TypeCommitCertificate
	})
	r.increment(0)
	r.until(5*time.Second, "executed by r6 alone", func() bool { return r.executed(6) > before })
	// Commits of view 0 never arrive: only the views that follow can help the others.
	r.Lose(func(_, _ int, frame []byte) bool {
		v, commit := vote(frame, pbft.TypeCommit)
		return commit && v.Header.View == 0 || kind(frame) == pbft.TypeCommitCertificate
	})
	r.until(60*time.Second, "view 3", func() bool { return r.view() >= 3 })
	r.Lose(nil)
	r.serve(60 * time.Second)
	r.level(60 * time.Second)
	if n := r.counter(1); n != 2 {
		t.Errorf("the counter is %d after two increments", n)
	}
	r.lied()
}
