package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/sim"
)

// The new view that forgets a prepared batch: the primary of the next view is
// faulty and proposes null where a batch prepared, and committed at one replica.
// Replicas that believed it would execute nothing where another executed the
// batch. Source: Castro and Liskov, OSDI '99, section 4.4; johnhenry/raijin#8.
//
// R58, R62, R63: every backup computes the list itself, refuses, and goes on to
// view 2, which carries the batch over at its sequence.
func TestForgetsPrepared(t *testing.T) {
	r := begin(t, sim.Config{Seed: 1})
	r.corrupt(1, "nv-forgets")
	r.increment(0)
	r.serve(5 * time.Second)
	r.level(5 * time.Second)
	before := r.executed(3)
	// The commits of view 0 reach r3 alone, so that the others change the view.
	r.Lose(func(_, to int, frame []byte) bool {
		v, commit := vote(frame, pbft.TypeCommit)
		return commit && v.Header.View == 0 && to != 3 || kind(frame) == pbft.TypeCommitCertificate
	})
	r.increment(0)
	r.until(5*time.Second, "executed by r3 alone", func() bool { return r.executed(3) > before })
	if r.executed(2) > before {
		t.Fatal("r2 executed the batch, too: there is nothing to forget")
	}
	r.until(30*time.Second, "view 2", func() bool { return r.view() >= 2 })
	if n := r.executed(2); n != before {
		t.Errorf("r2 executed %d before view 2 carried the batch over", n)
	}
	r.Lose(nil)
	r.serve(30 * time.Second)
	r.level(30 * time.Second)
	if n := r.counter(1); n != 2 {
		t.Errorf("the counter is %d after two increments", n)
	}
	r.lied()
}
