package core

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
)

// TestRuinedIsGivenUp: R51, R121 – a state that no repair in place helps is given up in
// the same step that raises the alarm; one of which only values have rotted is not.
func TestRuinedIsGivenUp(t *testing.T) {
	s := newStage(t, nil)
	if out := s.step(Suspected{Reason: "a value"}); len(out.Alarm) != 1 || out.GiveUp {
		t.Fatalf("a value that has rotted: alarm %q, given up %v", out.Alarm, out.GiveUp)
	}
	if out := s.step(Suspected{Reason: "another value"}); len(out.Alarm) != 0 || out.GiveUp {
		t.Errorf("the same repair does for it: alarm %q, given up %v", out.Alarm, out.GiveUp)
	}
	// In the middle of a repair, too, and the operator hears of it.
	if out := s.step(Suspected{Reason: "a filter", Ruined: true}); len(out.Alarm) != 1 || out.Alarm[0] != "a filter" || !out.GiveUp {
		t.Errorf("ruin during a repair: alarm %q, given up %v", out.Alarm, out.GiveUp)
	}
	if out := s.step(Suspected{Reason: "a filter", Ruined: true}); len(out.Alarm) != 0 || out.GiveUp {
		t.Errorf("it is given up twice: alarm %q, given up %v", out.Alarm, out.GiveUp)
	}

	s = newStage(t, nil)
	if out := s.step(Suspected{Reason: "a filter", Ruined: true}); len(out.Alarm) != 1 || !out.GiveUp {
		t.Errorf("ruin: alarm %q, given up %v", out.Alarm, out.GiveUp)
	}
}

// TestGivenUpIsNotRepaired: a transfer that ends after the state was given up does not
// make it one that is believed.
func TestGivenUpIsNotRepaired(t *testing.T) {
	s := newStage(t, nil)
	s.step(Suspected{Reason: "a value"})
	s.core.repair.begun = true
	s.step(Suspected{Reason: "a filter", Ruined: true})
	var out Output
	s.core.moving.effects.Done = true
	s.core.carryTransfer(&out)
	if len(out.Repaired) > 0 || s.core.repair.reason == "" {
		t.Errorf("repaired at %v", out.Repaired)
	}
	if out := s.after(time.Minute); out.GiveUp || len(out.Execute) > 0 {
		t.Errorf("it goes on: %+v", out)
	}
}

// TestRuinOfTheOnlyReplica: with nobody to fetch another state from, the own one is
// kept for the operator.
func TestRuinOfTheOnlyReplica(t *testing.T) {
	r := newRig(t, 1, nil)
	c := New(Config{Group: r.group, Self: 0, Signer: r.replicas[0], Engine: &scripted{}, Pool: DefaultPoolLimits(r.group.Genesis.Parameters)})
	var out Output
	c.Start(Durable{Marker: statemachine.Marker{Version: 1}, Enrolled: 3}, start, &out)
	out.Reset()
	if c.Step(Suspected{Reason: "a filter", Ruined: true}, &out); len(out.Halt) != 1 || out.Halt[0].Cause != consensus.CauseDiverged || out.GiveUp {
		t.Errorf("halt %v, given up %v", out.Halt, out.GiveUp)
	}
}

// A repairing stage is one whose state is suspected, while others have a certified
// snapshot of a state without entries at checkpoint 8.
type repairing struct {
	*stage
	empty statemachine.Partitions
	gone  bool // nobody has anything any more
	out   Output
}

func newRepairing(t *testing.T) *repairing {
	t.Helper()
	r := &repairing{stage: newStage(t, nil)}
	r.empty.Version = statemachine.VersionAt(8, 1)
	r.core.moving.stable = consensus.Checkpoint{Sequence: 8}
	r.take(r.step(Suspected{Reason: "a value"}))
	return r
}

// frame gives the fetcher an answer of a replica.
func (r *repairing) frame(from consensus.ReplicaID, parts ...[]byte) {
	r.t.Helper()
	u, err := transfer.Decode(bytes.Join(parts, nil), r.group)
	if err != nil {
		r.t.Fatal(err)
	}
	r.take(r.receive(from, u.Value))
}

// take answers what a core asks others, and its own storer.
func (r *repairing) take(out Output) {
	r.t.Helper()
	r.out.GiveUp = r.out.GiveUp || out.GiveUp
	r.out.Repaired = append(r.out.Repaired, out.Repaired...)
	for _, s := range out.Store {
		in := Stored{Marker: r.core.moving.marker}
		switch {
		case s.Survey != nil:
			in.Result.Surveyed = &transfer.Surveyed{Own: new(statemachine.Partitions), Staged: map[uint8]crypto.Digest{}}
		case s.Install != nil:
			in.Marker = statemachine.Marker{Version: statemachine.VersionAt(8, 1)}
			in.Result.Marked = true
		}
		r.take(r.step(in))
	}
	for _, o := range out.Send {
		switch wire.Type(o.Frame) {
		case wire.TypeStateFirst: // for a plan
			if r.gone {
				r.frame(o.To, []byte{byte(wire.TypeStateFirst + 4)}, make([]byte, 10))
				continue
			}
			n := wire.Snapshot{Sequence: 8, Root: r.empty.Root()}
			c := wire.SnapshotCertificate{Snapshot: n}
			for _, id := range []consensus.ReplicaID{0, 2, 3} {
				c.Signers = append(c.Signers, wire.SnapshotSigner{Replica: id, Signature: n.Sign(r.group, id, r.replicas[id]).Signature})
			}
			r.frame(o.To, []byte{byte(wire.TypeStateFirst + 1)}, o.Frame[1:17], []byte{1}, c.Marshal(), make([]byte, 4))
		case wire.TypeStateFirst + 2: // for the table
			if r.gone {
				r.frame(o.To, []byte{byte(wire.TypeStateFirst + 4)}, o.Frame[1:11])
			}
		}
	}
}

// table has a replica give the table of the snapshot.
func (r *repairing) table(from consensus.ReplicaID) {
	r.t.Helper()
	item := append([]byte{1}, append(binary.BigEndian.AppendUint64(nil, 8), 0)...)
	r.frame(from, []byte{byte(wire.TypeStateFirst + 3)}, item, make([]byte, 8), []byte{1}, r.empty.Marshal())
}

// pass lets time pass.
func (r *repairing) pass(d time.Duration) {
	r.t.Helper()
	for range d / (100 * time.Millisecond) {
		r.take(r.after(100 * time.Millisecond))
	}
}

// TestLongRepair: R51, R96 – a repair that has taken longer than one waits for a plan is
// not given up when its plan is, but only when nobody gives another one for as long.
func TestLongRepair(t *testing.T) {
	r := newRepairing(t)
	if r.pass(2 * repairPatience); !r.core.moving.fetcher.Planned() || r.out.GiveUp {
		t.Fatalf("planned: %v; given up: %v", r.core.moving.fetcher.Planned(), r.out.GiveUp)
	}
	r.gone = true
	if r.pass(repairPatience / 2); r.core.moving.fetcher.Planned() || r.out.GiveUp {
		t.Fatalf("after its plan was given up: planned: %v; given up: %v", r.core.moving.fetcher.Planned(), r.out.GiveUp)
	}
	if r.pass(repairPatience); !r.out.GiveUp {
		t.Error("nobody has had a plan for long, and the state is not given up")
	}
}

// TestInstalledIsKept: R51, R96 – what a repair has installed is not given up, however
// long what is missing above it takes.
func TestInstalledIsKept(t *testing.T) {
	r := newRepairing(t)
	r.pass(2 * repairPatience)
	r.take(r.behind(12))
	r.gone = true
	for from := range consensus.ReplicaID(4) {
		if from != r.core.self {
			r.table(from)
		}
	}
	if r.core.moving.marker.Version.Sequence() != 8 {
		t.Fatal("nothing was installed: ", r.core.Status().Transfer)
	}
	if r.pass(2 * repairPatience); r.out.GiveUp || r.core.moving.fetcher.Planned() {
		t.Errorf("given up: %v; planned: %v", r.out.GiveUp, r.core.moving.fetcher.Planned())
	}
}
