package pbft

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// BenchmarkOrder orders batches in a group of four in one process, with simulated
// signatures: what remains is the engines' own work, for all four together.
func BenchmarkOrder(b *testing.B) {
	w := newNetwork(b, 4, nil)
	batch := batchOf(w.group, w.scheme, "a", startTime)
	w.batches[batch.Digest] = batch
	b.ReportAllocs()
	for b.Loop() {
		w.step(w.host(0), consensus.Submitted{Batch: batch})
		w.run()
	}
	b.StopTimer()
	w.tick(time.Second)
}

// BenchmarkVote is one prepare of another replica, from frame to slot.
func BenchmarkVote(b *testing.B) {
	w := newNetwork(b, 4, func(p *consensus.Parameters) { p.Window = 1 << 14 })
	var frames [][]byte
	for n := range consensus.Sequence(1 << 14) {
		frames = append(frames, newVote(TypePrepare, Header{Sequence: n + 1}, 2, w.group.Domain(), w.signers[2]).frame)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.deliver(packet{from: 2, to: 1, host: w.host(1), frame: frames[i%len(frames)]})
	}
}
