package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/sim"
)

// A boaster says in each STATUS that it is in a view far away.
type boaster struct {
	sim.Honest
	*sim.Faulty
	lies int
}

func (b *boaster) Tick() {
	f := pbft.Forger{Group: b.Group(), Self: b.Self(), Signer: b.Signer()}
	for i := range b.Group().N {
		b.lies++
		view := consensus.ViewNumber(1000 + b.lies)
		b.Send(consensus.ReplicaID(i), f.Status(&pbft.Status{View: view, ChangingTo: view, Changes: make([]consensus.ViewNumber, b.Group().N)}))
		b.Send(consensus.ReplicaID(i), f.ViewChange(view, nil, nil))
	}
}

func (b *boaster) Deviated() int { return b.lies }

// The leader chosen by counting unequal answers: a BFT-SMaRt replica that came
// back from state transfer took the leader from a quorum of answers without asking
// whether they named the same one. Source: bft-smart/library#62.
//
// R3, R69: a replica that comes back believes no number of views but what a
// NEW-VIEW with a quorum of view changes proves.
func TestUnequalAnswers(t *testing.T) {
	r := begin(t, sim.Config{Seed: 7})
	r.corruptBy(1, func(f *sim.Faulty) sim.Behaviour { return &boaster{Faulty: f} })
	r.load(0, 10)
	r.Replica(3).Crash()
	r.serve(20 * time.Second)
	r.load(0, 40)
	r.serve(20 * time.Second)
	if err := r.Replica(3).Start(); err != nil {
		t.Fatal(err)
	}
	r.level(20 * time.Second)
	r.load(0, 5)
	r.serve(20 * time.Second)
	if r.view() != 0 {
		t.Errorf("view %d: one liar moved the group", r.view())
	}
	r.lied()
}
