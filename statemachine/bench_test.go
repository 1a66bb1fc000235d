package statemachine_test

import (
	"fmt"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// BenchmarkExecute executes requests of 100 puts of 128 B, ten a batch, over
// 100,000 keys, with windows that are stored as they close.
func BenchmarkExecute(b *testing.B) {
	const packed, keys = 100, 100_000
	p := consensus.DefaultParameters()
	w := newWorld(b, kv.New(), p)
	w.execute(w.request(1, 1, 0, 0))
	value := make([]byte, 128)
	key := uint64(0)
	timestamp := uint64(0)
	batch := func() []*consensus.Request {
		var out []*consensus.Request
		for range 10 {
			timestamp++
			ops := make([]string, packed)
			for i := range ops {
				key = (key*6364136223846793005 + 1442695040888963407)
				ops[i] = string(kv.Put(fmt.Appendf(nil, "key-%012d", key>>16%keys), value))
			}
			out = append(out, w.request(1, 1, timestamp, timestamp-1, ops...))
		}
		return out
	}
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		b.StopTimer()
		requests := batch()
		b.StartTimer()
		w.execute(requests...)
		done += 10 * packed
		if len(w.pending) > 0 {
			b.StopTimer()
			w.flushAll()
			b.StartTimer()
		}
	}
}
