package sim

import (
	"runtime/debug"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// BenchmarkSpeed measures how much faster than real time a world of four complete
// replicas runs that executes ten requests a second.
func BenchmarkSpeed(b *testing.B) {
	const seconds, perSecond = 60, 10
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as bench sim does
	for range b.N {
		w, err := New(Config{Seed: 1, Replicas: 4, Clients: 2, Parameters: consensus.DefaultParameters()})
		if err != nil {
			b.Fatal(err)
		}
		for i := range seconds * perSecond {
			w.Client(i%2).Invoke(kv.Increment([]byte("n"), 1), nil)
			if err := w.Run(time.Second / perSecond); err != nil {
				b.Fatal(err)
			}
		}
		if done := w.Client(0).Executed + w.Client(1).Executed; done < seconds*perSecond-perSecond {
			b.Fatalf("only %d operations are done", done)
		}
	}
	b.ReportMetric(float64(b.N)*seconds/b.Elapsed().Seconds(), "virtual-s/s")
}
