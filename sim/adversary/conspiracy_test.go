package adversary_test

import (
	"errors"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/sim/adversary"
)

// conspire runs a group with conspirators until the end of the time, whatever
// breaks, and returns which invariants broke and why correct replicas stopped.
func conspire(t *testing.T, seed uint64, liars int) (broken map[string]bool, halts []consensus.HaltCause) {
	t.Helper()
	r := newRig(t, story{seed: seed, replicas: 4, liars: make([]string, 4), clients: []string{"", ""}})
	member := adversary.Conspire()
	for i := range liars {
		r.world.Corrupt(i, member)
	}
	r.load()
	// The correct replicas do not hear each other for a while, or they would find
	// the primary out before its lie has done its work.
	r.world.Cut(func(from, to int) bool { return from >= liars && to >= liars && (from+to)%2 == 1 })
	broken = map[string]bool{}
	healed := false
	for end := 20 * time.Second; r.world.Now() < end; {
		if !healed && r.world.Now() > 3*time.Second {
			r.world.Cut(nil)
			healed = true
		}
		err := r.world.Run(end - r.world.Now())
		var b *sim.Broken
		if errors.As(err, &b) {
			broken[b.Invariant] = true
			r.world.Forgive()
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for i := liars; i < 4; i++ {
		p := r.world.Replica(i)
		if p.Halted == nil {
			continue
		}
		halts = append(halts, p.Halted.Cause)
		if p.Halted.Cause == consensus.CauseFaults {
			if err := p.Start(); !errors.Is(err, pbft.ErrProof) {
				t.Errorf("seed %d: r%d starts again in spite of the proof in its log: %v", seed, i, err)
			}
		}
	}
	return broken, halts
}

// R52, R118: f+1 conspirators break agreement, the checkers see it at once, and
// correct replicas that meet the contradiction halt with its proof instead of
// choosing a side. With f conspirators the same lies break nothing.
func TestOneLiarTooMany(t *testing.T) {
	agreement, proofs := 0, 0
	for seed := uint64(1); seed <= 20; seed++ {
		if broken, halts := conspire(t, seed, 1); len(broken)+len(halts) > 0 {
			t.Errorf("seed %d: f liars broke %v, halts %v", seed, broken, halts)
		}
		broken, halts := conspire(t, seed, 2)
		if broken["agreement"] {
			agreement++
		}
		for _, cause := range halts {
			if cause != consensus.CauseFaults && cause != consensus.CauseDiverged {
				t.Errorf("seed %d: a correct replica halts for cause %v", seed, cause)
			}
			if cause == consensus.CauseFaults {
				proofs++
			}
		}
		if !broken["agreement"] && len(halts) == 0 {
			t.Errorf("seed %d: f+1 liars broke %v and stopped nobody", seed, broken)
		}
	}
	if agreement == 0 || proofs == 0 {
		t.Errorf("agreement broken in %d runs, %d halts with proof; want both", agreement, proofs)
	}
}
