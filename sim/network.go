package sim

import (
	"fmt"

	"github.com/varangian-bft/varangian/consensus"
)

// A party is a replica or a client.
type party struct {
	client bool
	index  int
}

func replicaName(i int) string { return fmt.Sprintf("r%d", i) }
func clientName(i int) string  { return fmt.Sprintf("c%d", i) }

// carry takes a frame from one party to another, late, twice or never. Frames
// overtake each other.
func (w *World) carry(from, to party, frame []byte) {
	copies := 1
	if w.rng.Float64() < w.cfg.Loss {
		copies = 0
	}
	if w.rng.Float64() < w.cfg.Duplication {
		copies++
	}
	for range copies {
		w.after(w.between(w.cfg.DelayMin, w.cfg.DelayMax), func() {
			if w.cut != nil && w.cut(from, to) {
				return
			}
			w.deliver(from, to, frame)
		})
	}
}

func (w *World) deliver(from, to party, frame []byte) {
	switch {
	case to.client:
		w.clients[to.index].receive(consensus.ReplicaID(from.index), frame)
	case from.client:
		w.replicas[to.index].receiveRequest(from.index, frame)
	default:
		w.replicas[to.index].receive(consensus.ReplicaID(from.index), frame)
	}
}
