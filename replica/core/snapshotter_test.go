package core

import (
	"fmt"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/memory"
)

// A scanned store counts the scans of the whole state.
type scanned struct {
	*memory.Store
	scans int
}

func (s *scanned) Scan(a, b []byte, at statemachine.Version, yield func(k, v []byte) bool) error {
	s.scans++
	return s.Store.Scan(a, b, at, yield)
}

// flush stores a window as a replica's storer does.
func flush(t *testing.T, s statemachine.Store, at consensus.Sequence, changes ...statemachine.Change) statemachine.Marker {
	t.Helper()
	v, err := s.Next(at)
	if err != nil {
		t.Fatal(err)
	}
	m := statemachine.Marker{Version: v, Chain: crypto.Hash(crypto.KindChain, fmt.Append(nil, at))}
	if err := s.Apply(changes, m); err != nil {
		t.Fatal(err)
	}
	return m
}

// begin stores the genesis state.
func begin(t *testing.T, r *rig, s statemachine.Store) {
	t.Helper()
	if err := s.Apply(statemachine.Genesis(r.group)); err != nil {
		t.Fatal(err)
	}
}

func set(key string, value any) statemachine.Change {
	return statemachine.Change{Key: []byte(key), Value: fmt.Append(nil, value)}
}

// certify signs a snapshot for a quorum.
func (r *rig) certify(n wire.Snapshot) wire.SnapshotCertificate {
	c := wire.SnapshotCertificate{Snapshot: n}
	for i := range r.group.Quorum {
		id := consensus.ReplicaID(i)
		c.Signers = append(c.Signers, wire.SnapshotSigner{Replica: id, Signature: n.Sign(r.group, id, r.replicas[i]).Signature})
	}
	return c
}

func whole(t *testing.T, s statemachine.Store) crypto.Digest {
	t.Helper()
	m, err := s.Marker()
	if err != nil {
		t.Fatal(err)
	}
	p, err := statemachine.ComputePartitions(s, m.Version)
	if err != nil {
		t.Fatal(err)
	}
	return p.Root()
}

// TestSnapshotsAreIncremental: design, idea 8 – each snapshot costs what changed,
// also when execution has gone on before the last one was certified (R55).
func TestSnapshotsAreIncremental(t *testing.T) {
	r := newRig(t, 4, nil)
	store := &scanned{Store: memory.New()}
	begin(t, r, store)
	s, _, err := NewSnapshotter(r.group, store)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		at := consensus.Sequence(8 * (i + 1))
		m := flush(t, store, at, set("a", i), set(fmt.Sprint("b", i), i))
		store.scans = 0
		n, ok, err := s.Snapshot(m)
		if err != nil || !ok || store.scans > 0 {
			t.Fatalf("snapshot at %d: ok=%v err=%v, %d scans of the whole state", at, ok, err, store.scans)
		}
		if got := whole(t, store); n.Root != got {
			t.Fatalf("snapshot at %d has root %s, the state %s", at, n.Root.Short(), got.Short())
		}
		flush(t, store, at+4, set("a", -i)) // the group goes on before the certificate comes
		if err := s.Save(r.certify(n)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSavedVersionIsNotBelieved: R94 – the version inside a transferred table is
// not covered by its root, so a lying source chooses it; it must neither stop nor
// mislead the replica that installed it.
func TestSavedVersionIsNotBelieved(t *testing.T) {
	r := newRig(t, 4, nil)
	for _, lie := range []statemachine.Version{0, 1, statemachine.VersionAt(8, 7), statemachine.VersionAt(12, 0), 1<<64 - 1} {
		store := memory.New()
		m := flush(t, store, 8, set("a", 1), set("b", 1))
		p, err := statemachine.ComputePartitions(store, m.Version)
		if err != nil {
			t.Fatal(err)
		}
		c := r.certify(wire.Snapshot{Sequence: 8, Chain: m.Chain, Root: p.Root()})
		p.Version = lie
		if err := store.SaveSnapshot(append(c.Marshal(), p.Marshal()...)); err != nil {
			t.Fatal(err)
		}
		flush(t, store, 12, set("a", 2))
		s, _, err := NewSnapshotter(r.group, store)
		if err != nil {
			t.Fatal(err)
		}
		n, ok, err := s.Snapshot(flush(t, store, 16, set("b", 2)))
		if err != nil || !ok || n.Root != whole(t, store) {
			t.Errorf("saved version %d: ok=%v err=%v, root right: %v", lie, ok, err, n.Root == whole(t, store))
		}
	}
}
