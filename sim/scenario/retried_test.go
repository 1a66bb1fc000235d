package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/sim/adversary"
)

// The retry after a state transfer: a replica that took the state without the table
// of clients executes an old request again, and parts from the others. Source:
// Castro and Liskov, OSDI '99, section 4.3; Castro's thesis, chapter 2.
//
// R23, R27: the table is part of the state. A client that repeats everything it ever
// said, and a primary that orders it again, find every replica equal.
func TestRetried(t *testing.T) {
	r := begin(t, sim.Config{Seed: 29, Clients: 3})
	r.corrupt(3, "repeated+nag")
	r.CorruptClient(2, adversary.NewClient("client-repeat"))
	r.Cut(func(from, to int) bool { return from == 1 || to == 1 })
	for range 10 {
		r.load(0, 6)
		r.Client(2).Invoke([]byte("again"), nil)
		r.run(time.Second)
	}
	r.Cut(nil)
	r.level(30 * time.Second)
	// The liar becomes primary.
	r.Cut(func(from, to int) bool { return from == int(r.Replica(1).Status().Engine.Primary) && from != 3 })
	for range 10 {
		r.load(0, 3)
		r.run(time.Second)
	}
	r.Cut(nil)
	r.serve(60 * time.Second)
	r.level(60 * time.Second)
	if n := r.counter(0); n != 90 {
		t.Errorf("the counter is %d after 90 increments", n)
	}
	r.lied()
}
