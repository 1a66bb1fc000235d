package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
)

// The primary that is as slow as it may be: it sends each proposal just before the
// backups lose patience, and a group that served thousands of operations a second
// serves a few, for ever. Source: Clement et al., NSDI '09; Amir et al., Prime, DSN
// '08.
//
// R30, R42: what holds is the bound: each operation is done within a few time-outs,
// and none is lost.
func TestSlowPrimary(t *testing.T) {
	r := begin(t, sim.Config{Seed: 17})
	r.corrupt(0, "slow")
	for range 10 {
		r.increment(0)
		r.serve(5 * timeout)
	}
	if n := r.counter(1); n != 10 {
		t.Errorf("the counter is %d after 10 increments", n)
	}
	r.level(10 * time.Second)
	r.lied()
}
