package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
)

// The paused replica that never catches up: BFT-SMaRt replicas that were resumed
// after SIGSTOP ran out of memory or stayed behind for good. Source:
// bft-smart/library#27.
//
// R54, R89, R96: a replica that slept for a minute under load takes the state,
// while the load goes on, and is then level with the others; its clock's jump
// deposes nobody.
func TestPaused(t *testing.T) {
	r := begin(t, sim.Config{Seed: 10})
	r.Replica(3).Pause(time.Minute)
	for range 60 {
		r.load(0, 5)
		r.run(time.Second)
	}
	behind := r.executed(0) - r.executed(3)
	if behind < 100 {
		t.Fatalf("only %d behind", behind)
	}
	for range 10 {
		r.load(1, 5)
		r.run(time.Second)
	}
	if behind := int64(r.executed(0)) - int64(r.executed(3)); behind > 16 {
		t.Errorf("still %d behind after ten seconds under load", behind)
	}
	r.serve(10 * time.Second)
	r.level(10 * time.Second)
	if r.view() != 0 {
		t.Errorf("view %d: the sleeper deposed a primary", r.view())
	}
}
