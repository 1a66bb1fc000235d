package core

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
)

// TestMuteAfterAStart: R91 – before a quorum has told what it holds of this replica, no
// receipt and no SNAPSHOT leaves, whatever asks for them: the folder may be an older
// copy. Then retries that came meanwhile are answered, those of what was executed
// meanwhile too, and the own snapshot is stated and counts.
func TestMuteAfterAStart(t *testing.T) {
	s := newStage(t, nil)
	s.engine.status.Low = allStable
	s.engine.status.Mute = true
	r := s.request(0, 1, "a")
	s.effects(func(e *consensus.Effects) {
		e.Execute = append(e.Execute, consensus.Execute{Sequence: 1, Batch: consensus.NewBatch(1, []*consensus.Request{r})})
	})
	x := s.execution(1, r)
	x.Execution.Tree = crypto.NewMerkleTree([]crypto.Digest{leafOf(r).Hash()})
	silent := func(what string, out Output) {
		t.Helper()
		if len(out.Reply) > 0 || len(out.Send) > 0 {
			t.Errorf("%s: %d replies and %d frames leave", what, len(out.Reply), len(out.Send))
		}
	}
	silent("executed", s.step(x))
	silent("a retry", s.step(Repeated{Outcome: statemachine.Outcome{Leaf: leafOf(r)}}))
	silent("a snapshot", s.step(Snapshotted{Snapshot: wire.Snapshot{Sequence: 8, Root: crypto.Digest{1}}}))
	silent("a snapshot of another", s.receive(2, s.state(8, 1, 2)))
	silent("time", s.after(2*snapshotRetry))

	s.engine.status.Mute = false
	out := s.after(tick)
	if len(out.Reply) != 1 || len(out.Reply[0].Outcomes) != 1 || out.Reply[0].Outcomes[0].Leaf.Request != r.Digest() {
		t.Errorf("the retry is answered with %+v", out.Reply)
	}
	if len(out.Send) != 1 || out.Send[0].To != consensus.Everyone {
		t.Errorf("the own statement: %+v", out.Send)
	}
	if out := s.receive(3, s.state(8, 1, 3)); len(out.Save) != 1 || len(out.Save[0].Signers) != 3 {
		t.Errorf("the own statement does not count: %+v", out.Save)
	}
}

// TestMuteAndCertified: R91, R122 – what others certified meanwhile is saved, and who is
// behind gets the own statement later.
func TestMuteAndCertified(t *testing.T) {
	s := newStage(t, nil)
	s.engine.status.Low = allStable
	s.engine.status.Mute = true
	s.step(Snapshotted{Snapshot: wire.Snapshot{Sequence: 8, Root: crypto.Digest{1}}})
	saved := 0
	for _, by := range []consensus.ReplicaID{0, 2, 3} {
		saved += len(s.receive(by, s.state(8, 1, by)).Save)
	}
	if saved != 1 {
		t.Errorf("saved %d times", saved)
	}
	if out := s.receive(0, s.state(8, 1, 0)); len(out.Send) > 0 {
		t.Error("the own statement leaves")
	}
	s.engine.status.Mute = false
	s.after(time.Millisecond)
	if out := s.receive(0, s.state(8, 1, 0)); len(out.Send) != 1 || out.Send[0].To != 0 {
		t.Errorf("who is behind gets %+v", out.Send)
	}
}
