package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
)

// The censored client: the primary serves everyone but one client. Time-outs that
// any progress resets never fire, and the client waits for ever. Source: Clement et
// al., Making Byzantine fault tolerant systems tolerate Byzantine faults, NSDI '09.
//
// R30: each waiting request has a clock of its own: the primary is replaced within
// a few time-outs, although the other client's load never stops.
func TestCensored(t *testing.T) {
	r := begin(t, sim.Config{Seed: 16})
	r.corrupt(0, "censor")
	busy := true
	next := func() {
		if busy {
			r.increment(1)
		}
	}
	for range 100 {
		next()
	}
	end := r.increment(0)
	for step := 0; step < 100 && end.Operation == 0; step++ {
		next()
		r.run(100 * time.Millisecond)
	}
	busy = false
	if end.Operation == 0 {
		t.Fatal("the censored client was not served in ten seconds")
	}
	if r.view() == 0 {
		t.Error("the censor is primary still")
	}
	r.serve(20 * time.Second)
	r.lied()
}
