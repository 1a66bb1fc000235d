package scenario_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// The read-only optimisation: with reads that 2f+1 replicas answer without
// ordering and writes that f+1 replies complete, a liar and a laggard make a
// client read what was overwritten before. Source: Berger, Reiser and Bessani,
// Making reads in BFT state machine replication fast, linearizable, and live,
// arXiv 2107.11144.
//
// R28, R97: reads are ordered here as writes are, and f+1 equal leaves decide: the
// attack finds nothing to work on. A liar answers each client with what it likes,
// one replica is far behind, and each read still sees the last write.
func TestOrderedReads(t *testing.T) {
	r := begin(t, sim.Config{Seed: 5})
	r.corrupt(2, "reply-altered")
	r.Cut(func(from, to int) bool { return to == 3 })
	for i := range 12 {
		want := fmt.Sprint("value ", i)
		r.invoke(0, kv.Put([]byte("k"), []byte(want)))
		r.serve(20 * time.Second)
		read := r.invoke(1, kv.Get([]byte("k")))
		r.serve(20 * time.Second)
		if v, err := kv.DecodeGet(read.Result.Value); err != nil || string(v.Bytes) != want {
			t.Fatalf("read %q (%v) after %q was written", v.Bytes, err, want)
		}
	}
	r.Cut(nil)
	r.level(60 * time.Second)
	r.lied()
}
