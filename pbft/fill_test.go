package pbft

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// question gives everyone one question of a replica that recovers.
func (w *network) question(by consensus.ReplicaID, fill consensus.Sequence) {
	m := newRecall(Recall{Round: 1, Fill: fill}, by, w.group.Domain(), w.signers[by])
	for _, h := range w.hosts {
		w.queue = append(w.queue, packet{by, h.id, h, m.frame})
	}
}

// R31, R69: a lower question of a member that recovers, said to some only or replayed
// from before, neither hides the one that stands nor keeps it alive.
func TestFillNotHidden(t *testing.T) {
	w := newNetwork(t, 4, small)
	for range 20 {
		w.question(3, 7)
		w.question(3, 2)
		w.tick(100 * time.Millisecond)
	}
	for _, h := range w.hosts {
		if len(h.executed) != 7 || h.engine.Status().ChangingTo != 0 {
			t.Errorf("r%d executed %d batches of 7 and asks for view %d", h.id, len(h.executed), h.engine.Status().ChangingTo)
		}
	}
	for range fillForget + 1 {
		w.question(3, 2)
		w.tick(w.host(0).engine.cfg.StatusInterval)
	}
	if m := w.host(1).engine.fills.asks[3].recall; m.Fill != 2 {
		t.Errorf("the question up to %d is kept although only one up to 2 was repeated", m.Fill)
	}
}

// R74, R101: a primary that orders null batches without regard to the budget of the
// member whose question it holds is voted out.
func TestFillGreedyPrimary(t *testing.T) {
	w := newNetwork(t, 4, small)
	p := w.group.Genesis.Parameters
	budget := consensus.Sequence(3*p.Window + 2*p.CheckpointInterval)
	for range 300 {
		w.host(0).engine.fills.asks[3].paid = 0
		w.question(3, 1<<61)
		w.tick(time.Millisecond)
	}
	for _, h := range w.hosts {
		if ordered := h.engine.ordered; ordered < 2*budget || ordered > 4*budget {
			t.Errorf("r%d ordered %d null batches; the budget is %d", h.id, ordered, budget)
		}
		if v := h.engine.Status().View; v != 1 {
			t.Errorf("r%d is in view %d", h.id, v)
		}
	}
}
