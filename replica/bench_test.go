package replica_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// BenchmarkGroup is a group of four in one process, with 1000 operations under
// way: where the processor time of S1 goes (use -cpuprofile).
func BenchmarkGroup(b *testing.B) {
	g := newGroup(b, 4, consensus.DefaultParameters())
	c := g.dial()
	value := make([]byte, 128)
	var next atomic.Int64
	var work sync.WaitGroup
	b.ResetTimer()
	for range 1000 {
		work.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if _, err := c.Invoke(b.Context(), kv.Put(fmt.Appendf(nil, "key%d", i%10000), value)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
}
