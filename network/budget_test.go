package network

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/consensus"
)

// R101: clients that take nothing fill what all share and not a byte more, and
// others still have their own part.
func TestSharedBudget(t *testing.T) {
	shared := newBudget(1 << 20)
	limits := ClassLimits{FrameBytesMax: 1 << 20, QueueBytesMax: 4 << 20, QueueCountMax: 1 << 20}
	held := 0
	for range 64 {
		q := testQueue(laneClient, limits)
		q.shared = shared
		for q.push(consensus.ClassClient, make([]byte, 10_000)) {
		}
		_, bytes := q.waiting()
		held += bytes
		if bytes < ownBytes-10_000 {
			t.Fatalf("a connection holds %d bytes; %d are its own", bytes, ownBytes)
		}
	}
	if most := 64*ownBytes + 1<<20; held > most {
		t.Errorf("%d bytes wait; %d is the bound", held, most)
	}
	if shared.left.Load() > 10_000 {
		t.Errorf("%d shared bytes were given to nobody", shared.left.Load())
	}
}

// R101: whatever a queue took out of the budget comes back.
func TestSharedBudgetComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shared := newBudget(1 << 20)
		q := testQueue(laneConsensus, ClassLimits{FrameBytesMax: 1 << 20, QueueBytesMax: 1 << 21, QueueCountMax: 64})
		q.shared = shared
		for range rapid.IntRange(0, 100).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				q.take(nil, false)
			case 1:
				q.empty()
			default:
				q.push(rapid.SampledFrom(laneClasses[laneConsensus]).Draw(t, "class"), make([]byte, rapid.IntRange(1, 300_000).Draw(t, "bytes")))
			}
			if left := shared.left.Load(); left != 1<<20-int64(beyondOwn(q.bytes())) {
				t.Fatalf("%d bytes are left while %d wait", left, q.bytes())
			}
		}
		q.empty()
		if shared.left.Load() != 1<<20 {
			t.Fatalf("%d bytes did not come back", 1<<20-shared.left.Load())
		}
	})
}
