package core

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
)

func (s *stage) state(n consensus.Sequence, root byte, by consensus.ReplicaID) wire.SignedSnapshot {
	return wire.Snapshot{Sequence: n, Root: crypto.Digest{root}}.Sign(s.group, by, s.replicas[by])
}

// TestSnapshotDue: design, idea 8 – each N-th checkpoint that is durable is due.
func TestSnapshotDue(t *testing.T) {
	s := newStage(t, nil) // K = 4, N = 2
	s.engine.status.Low = allStable
	for n := consensus.Sequence(4); n <= 24; n += 4 {
		s.core.flushing++
		out := s.step(Flushed{Marker: statemachine.Marker{Version: statemachine.VersionAt(n, 0)}})
		if (len(out.Snapshot) > 0) != (n%8 == 0) {
			t.Errorf("at %d: %d snapshots are due", n, len(out.Snapshot))
		}
	}
}

// allStable is a low water mark above all that these tests take snapshots of.
const allStable = 1 << 20

// TestSnapshotWaitsForTheCheckpoint: R55 – a snapshot takes the place of the one before
// only once its checkpoint is stable: until then who lags is led to an earlier one.
func TestSnapshotWaitsForTheCheckpoint(t *testing.T) {
	s := newStage(t, nil)
	s.engine.status.Low = 4
	out := s.step(Snapshotted{Snapshot: wire.Snapshot{Sequence: 8, Root: crypto.Digest{1}}})
	saved := out.Save
	for _, by := range []consensus.ReplicaID{0, 2, 3} {
		saved = append(saved, s.receive(by, s.state(8, 1, by)).Save...)
	}
	if len(saved) > 0 {
		t.Error("saved while checkpoint 8 is not stable")
	}
	out = s.effects(func(e *consensus.Effects) {
		s.engine.status.Low = 8
		e.Stable = append(e.Stable, consensus.Checkpoint{Sequence: 8})
	})
	if len(out.Save) != 1 || out.Save[0].Sequence != 8 {
		t.Errorf("saved %d snapshots when it was", len(out.Save))
	}
}

// TestSnapshotCertified: R93, R2 – a quorum of equal statements, each replica's once,
// certifies a snapshot, whenever its statement came.
func TestSnapshotCertified(t *testing.T) {
	s := newStage(t, nil)
	s.engine.status.Low = allStable
	var saved []wire.SnapshotCertificate
	for range 5 {
		saved = append(saved, s.receive(2, s.state(8, 1, 2)).Save...)
	}
	out := s.step(Snapshotted{Snapshot: wire.Snapshot{Sequence: 8, Root: crypto.Digest{1}}})
	if len(out.Send) != 1 || out.Send[0].To != consensus.Everyone {
		t.Errorf("the own statement: %+v", out.Send)
	}
	saved = append(saved, out.Save...)
	saved = append(saved, s.receive(2, s.state(8, 1, 2)).Save...)
	if len(saved) > 0 {
		t.Fatal("certified by two replicas of four")
	}
	saved = append(saved, s.receive(2, s.state(8, 1, 3)).Save...) // passed on by another one
	if len(saved) != 1 || len(saved[0].Signers) != 3 || s.core.Status().Snapshot != 8 {
		t.Fatalf("%+v", saved)
	}
	if out := s.receive(0, s.state(8, 1, 0)); len(out.Save) > 0 {
		t.Error("certified twice")
	}
}

// TestSnapshotRepeats: R122 – a statement is repeated until it is certified, and one
// who is behind gets it again, at most once in an interval (R105).
func TestSnapshotRepeats(t *testing.T) {
	s := newStage(t, nil)
	s.engine.status.Low = allStable
	s.step(Snapshotted{Snapshot: wire.Snapshot{Sequence: 8, Root: crypto.Digest{1}}})
	sent := 0
	for range 100 {
		sent += len(s.after(100 * time.Millisecond).Send)
	}
	if sent < 4 || sent > 5 {
		t.Errorf("sent %d times in 10 s", sent)
	}
	s.receive(2, s.state(8, 1, 2))
	s.receive(3, s.state(8, 1, 3))
	if n := len(s.after(time.Minute).Send); n > 0 {
		t.Error("still repeated when certified")
	}
	answers := 0
	for range 100 {
		for _, o := range s.receive(0, s.state(8, 1, 0)).Send {
			if o.To != 0 {
				t.Errorf("answered to %d", o.To)
			}
			answers++
		}
	}
	if answers != 1 {
		t.Errorf("100 repetitions at once get %d answers", answers)
	}
}

// TestSnapshotDiverged: R51 – who differs from what a quorum certified stops; f liars
// stop nobody (R69).
func TestSnapshotDiverged(t *testing.T) {
	s := newStage(t, nil)
	s.engine.status.Low = allStable
	s.step(Snapshotted{Snapshot: wire.Snapshot{Sequence: 8, Root: crypto.Digest{1}}})
	for _, from := range []consensus.ReplicaID{0, 2} {
		if out := s.receive(from, s.state(8, 2, from)); len(out.Halt) > 0 {
			t.Fatalf("stopped after replica %d differed", from)
		}
	}
	out := s.receive(3, s.state(8, 2, 3))
	if len(out.Alarm) != 1 || len(out.Halt) > 0 || len(out.Save) > 0 {
		t.Errorf("%+v", out)
	}
}

// TestSnapshotFlood: R53 – statements for any sequence take one place each sender,
// and a huge one keeps no others from being counted.
func TestSnapshotFlood(t *testing.T) {
	s := newStage(t, nil)
	s.engine.status.Low = allStable
	for i := range 1000 {
		s.receive(3, s.state(1<<63+consensus.Sequence(i), 9, 3))
	}
	s.step(Snapshotted{Snapshot: wire.Snapshot{Sequence: 8, Root: crypto.Digest{1}}})
	s.receive(0, s.state(8, 1, 0))
	if out := s.receive(2, s.state(8, 1, 2)); len(out.Save) != 1 || len(s.core.snapshots.latest) != 4 {
		t.Errorf("not certified beside a liar: %+v", out)
	}
}

// TestSnapshotOvertaken: a replica that is a snapshot ahead still vouches for the one
// before: otherwise none is ever certified while replicas are a little apart.
func TestSnapshotOvertaken(t *testing.T) {
	s := newStage(t, nil)
	s.engine.status.Low = allStable
	s.receive(0, s.state(8, 1, 0))
	s.receive(2, s.state(8, 1, 2))
	s.receive(0, s.state(16, 2, 0))
	out := s.step(Snapshotted{Snapshot: wire.Snapshot{Sequence: 8, Root: crypto.Digest{1}}})
	if len(out.Save) != 1 {
		t.Error("what two replicas stated before is forgotten")
	}
}

// TestTidyWhenCertified: R101 – what an earlier process had fetched of a state is given
// back, once, when the own one is certified: then this replica stands where the group
// does. Before, and while a transfer is due, it stays (R96).
func TestTidyWhenCertified(t *testing.T) {
	for _, due := range []bool{false, true} {
		s := newStage(t, nil)
		s.engine.status.Low = allStable
		if due {
			s.execute(1) // which keeps the transfer from beginning
			s.behind(12)
		}
		var stores []int
		for i := range 2 {
			at := consensus.Sequence(8 * (i + 1))
			s.step(Snapshotted{Snapshot: wire.Snapshot{Sequence: at, Root: crypto.Digest{1}}})
			n := len(s.receive(0, s.state(at, 1, 0)).Store)
			out := s.receive(2, s.state(at, 1, 2))
			if n > 0 || len(out.Save) != 1 {
				t.Fatalf("%d jobs before the snapshot is certified; then %d to save", n, len(out.Save))
			}
			stores = append(stores, len(out.Store))
		}
		if due && stores[0]+stores[1] > 0 || !due && (stores[0] != 1 || stores[1] != 0) {
			t.Errorf("a transfer is due: %v; the spool is emptied %v times", due, stores)
		}
	}
}
