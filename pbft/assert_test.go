package pbft

import (
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// R119: the assertions against the engine's own mistakes are there in production.
func TestAssertions(t *testing.T) {
	cases := map[string]func(*network, *host){
		"a second prepare of its own for one view and sequence": func(w *network, h *host) {
			b := batchOf(w.group, w.scheme, "a", startTime)
			v := newVote(TypePrePrepare, Header{Sequence: 1, Batch: b.Digest}, 0, w.group.Domain(), w.signers[0])
			s := h.engine.slot(1)
			s.prepares[h.id] = newVote(TypePrepare, Header{Sequence: 1}, h.id, w.group.Domain(), w.signers[h.id])
			w.batches[b.Digest] = b
			receive(t, w, h, newPrePrepare(v, &b.Content).wire)
		},
		"evidence of two equal votes": func(w *network, h *host) {
			v := newVote(TypePrepare, Header{Sequence: 1}, 2, w.group.Domain(), w.signers[2])
			h.engine.accuse(v, v, &consensus.Effects{})
		},
		"a view change that goes back": func(w *network, h *host) {
			h.engine.changeTo(0, &consensus.Effects{})
		},
		"a checkpoint between multiples of K": func(w *network, h *host) {
			w.step(h, consensus.Flushed{Sequence: 3, Chain: crypto.Digest{1}})
		},
		"a proposal without room": func(w *network, h *host) {
			w.submitTo(h, "a")
		},
	}
	for name, sin := range cases {
		t.Run(name, func(t *testing.T) {
			w := newNetwork(t, 4, small)
			defer func() {
				if recover() == nil {
					t.Error("no assertion stopped it")
				}
			}()
			sin(w, w.host(1))
		})
	}
}
