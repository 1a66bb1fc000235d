package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/sim/adversary"
)

// The request that is valid for half of the replicas: with authenticators of one
// MAC for each replica, a faulty client makes some replicas accept what others
// refuse, and so changes view after view. Source: Clement et al., NSDI '09.
//
// R10, R31: validity is a function of the digest, since the signature is part of
// it. Replicas that hold the bad copy never propose it; nobody is deposed, and other
// clients feel nothing.
func TestHalfSigned(t *testing.T) {
	r := begin(t, sim.Config{Seed: 18})
	r.CorruptClient(0, adversary.NewClient("client-unsigned"))
	for range 10 {
		r.Client(0).Invoke([]byte("whatever"), nil)
		r.increment(1)
		r.serve(5 * time.Second)
	}
	r.run(10 * time.Second)
	r.level(10 * time.Second)
	if r.view() != 0 {
		t.Errorf("view %d: a client deposed a primary", r.view())
	}
}
