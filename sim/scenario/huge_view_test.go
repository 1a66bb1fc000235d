package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
)

// The reply that misleads a client: in PBFT a client learns the primary from the
// view in replies, and one liar with a huge view sends it astray. Source: Castro and
// Liskov, OSDI '99, section 4.1.
//
// R28, R29: replies carry no view and a client sends to all; huge sequences and
// timestamps, other leaves and refusals of one liar are outvoted by f+1.
func TestHugeView(t *testing.T) {
	for _, name := range []string{"reply-huge", "reply-leaf", "reply-refused", "reply-unsigned"} {
		r := begin(t, sim.Config{Seed: 23})
		r.corrupt(0, name)
		for range 10 {
			r.increment(0)
			r.serve(time.Second)
		}
		if n := r.counter(1); n != 10 {
			t.Errorf("%s: the counter is %d after 10 increments", name, n)
		}
		r.lied()
	}
}
