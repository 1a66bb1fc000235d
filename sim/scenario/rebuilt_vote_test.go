package scenario_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/sim"
)

// The vote rebuilt differently after a restart: a Tendermint validator signed its
// vote anew after a crash, with another time in it, and was stuck on "conflicting
// data". Source: tendermint/tendermint#984, #3089.
//
// R36, R80: what a replica said before a restart it says again in the same bytes,
// or not at all.
func TestRebuiltVote(t *testing.T) {
	r := begin(t, sim.Config{Seed: 9, Duplication: 0.2})
	said := map[string][]byte{}
	repeated := 0
	r.Lose(func(from, to int, frame []byte) bool {
		v, ok := pbft.ReadVote(frame)
		if !ok || from >= r.n || to >= r.n || int(v.Signer) != from {
			return false
		}
		key := fmt.Sprint(v.Signer, v.Kind, v.Header.View, v.Header.Sequence)
		signed := frame[:len(frame):len(frame)]
		if v.Kind == pbft.TypePrePrepare {
			signed = signed[:117] // the content beside it is not signed
		}
		if old, ok := said[key]; ok {
			repeated++
			if !bytes.Equal(old, signed) {
				t.Fatalf("r%d says %x and %x", from, old, signed)
			}
		}
		said[key] = signed
		// Commits are lost for a while, so that votes have to be repeated.
		return v.Kind == pbft.TypeCommit && v.Header.View == 0 && r.Now() < 300*time.Millisecond
	})
	r.load(0, 8)
	r.run(100 * time.Millisecond)
	for i := range r.n {
		r.Replica(i).CrashWith(sim.Loss{})
		if err := r.Replica(i).Start(); err != nil {
			t.Fatal(err)
		}
		r.run(30 * time.Millisecond)
	}
	r.serve(30 * time.Second)
	if repeated == 0 {
		t.Error("nothing was said twice")
	}
}
