package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
)

// View changes for every view there is: a table for each view that somebody asks
// for fills the memory of replicas, and f+1 of them in one message move them about.
// Source: Castro's thesis, MIT-LCS-TR-817, on bounding view changes.
//
// R69, R70: one VIEW-CHANGE is kept of each sender, and f replicas move nobody,
// neither alone nor while the group changes views for reasons of its own.
func TestEveryView(t *testing.T) {
	r := begin(t, sim.Config{Seed: 28, Replicas: 7})
	r.corrupt(5, "vc-spam")
	r.corrupt(6, "vc-spam")
	r.load(0, 20)
	r.run(30 * time.Second)
	r.serve(10 * time.Second)
	if r.view() != 0 {
		t.Errorf("view %d: f liars moved the group", r.view())
	}
	r.lied()

	r = begin(t, sim.Config{Seed: 28, Replicas: 7})
	r.corrupt(6, "vc-spam")
	r.load(0, 5)
	r.serve(10 * time.Second)
	r.Cut(func(from, to int) bool { return from == 0 || to == 0 })
	r.load(1, 5)
	r.serve(60 * time.Second)
	if v := r.view(); v != 1 {
		t.Errorf("view %d after one primary fell silent", v)
	}
	r.lied()
}
