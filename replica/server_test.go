package replica

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/simsig"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/memory"
)

// Frames of state transfer, as docs/wire-format.md numbers them.
const (
	askEntriesType = wire.TypeStateFirst + 5
	entriesType    = wire.TypeStateFirst + 6
	holdType       = wire.TypeStateFirst + 7
)

// withSnapshot returns a store with some MiB of state and a certified snapshot of it.
func withSnapshot(t *testing.T, mebibytes int) (*consensus.Group, *memory.Store) {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	scheme := simsig.New()
	genesis := consensus.Genesis{Name: "test", Engine: "pbft", Faults: 1, Parameters: consensus.DefaultParameters()}
	var signers []crypto.Signer
	for i := range byte(4) {
		signers = append(signers, scheme.NewSigner(crypto.Seed{1, i}))
		genesis.Replicas = append(genesis.Replicas, consensus.Member{
			Name: fmt.Sprint("r", i), Key: signers[i].Public(), Transport: scheme.NewSigner(crypto.Seed{2, i}).Public(),
		})
	}
	g, err := consensus.NewGroup(genesis, scheme)
	check(err)
	store := memory.New()
	var changes []statemachine.Change
	for i := range mebibytes * 16 {
		changes = append(changes, statemachine.Change{Key: fmt.Appendf(nil, "key%05d", i), Value: make([]byte, 64<<10)})
	}
	at := consensus.Sequence(genesis.Parameters.CheckpointInterval)
	v, err := store.Next(at)
	check(err)
	check(store.Apply(changes, statemachine.Marker{Version: v}))
	p, err := statemachine.ComputePartitions(store, v)
	check(err)
	n := wire.Snapshot{Sequence: at, Root: p.Root()}
	c := wire.SnapshotCertificate{Snapshot: n}
	for id := range consensus.ReplicaID(3) {
		c.Signers = append(c.Signers, wire.SnapshotSigner{Replica: id, Signature: n.Sign(g, id, signers[id]).Signature})
	}
	check(store.SaveSnapshot(append(c.Marshal(), p.Marshal()...)))
	return g, store
}

func asks(t *testing.T, g *consensus.Group, from consensus.ReplicaID, frame []byte) core.Serve {
	t.Helper()
	u, err := transfer.Decode(frame, g)
	if err != nil || !transfer.Question(u.Value) {
		t.Fatalf("no question: %v", err)
	}
	return core.Serve{From: from, Message: u.Value}
}

// askEntries asks for the entries of a partition that has some.
func askEntries(snapshot []byte) []byte {
	return append(append([]byte{byte(askEntriesType)}, snapshot...), statemachine.PartitionOf([]byte("key00000")), 0, 0, 0, 0)
}

// TestServerGoesOn: R96, R102 – one member that asks without end, so that a question
// always waits, does not keep a snapshot from being made ready for another one.
func TestServerGoesOn(t *testing.T) {
	const mebibytes = 16
	g, store := withSnapshot(t, mebibytes)
	internal := newMailbox[core.Input]()
	s := newServer(g, store, &transfer.MemorySpool{}, internal)
	question := func(from consensus.ReplicaID, frame []byte) core.Serve { return asks(t, g, from, frame) }
	at := binary.BigEndian.AppendUint64(nil, g.Genesis.Parameters.CheckpointInterval)
	hold := question(2, append([]byte{byte(holdType)}, at...))
	turns := 0
	for ; turns < mebibytes; turns++ { // a step moves 4 MiB
		for range questionsMax {
			s.offer(hold) // at the bound they go unanswered
		}
		s.turn(t.Context())
	}
	for len(s.questions) > 0 {
		<-s.questions
	}
	internal.take()
	s.offer(question(3, askEntries(at)))
	for s.transfer.Work() {
		turns++
	}
	s.turn(t.Context())
	served, ok := internal.take()[0].(core.Served)
	if !ok || served.To != 3 || len(served.Frames) != 1 || wire.Type(served.Frames[0]) != entriesType || turns > mebibytes {
		t.Fatalf("after %d turns in which another member asked: %d frames, the first of type %d", turns, len(served.Frames), wire.Type(served.Frames[0]))
	}
}

// TestServerForgets: R124 – once another state was installed, no window that was flushed
// before reaches the server any more, and later ones do; and what was made ready of that
// state is made ready anew.
func TestServerForgets(t *testing.T) {
	g, store := withSnapshot(t, 1)
	internal := newMailbox[core.Input]()
	s := newServer(g, store, &transfer.MemorySpool{}, internal)
	ready := func() bool {
		s.answer(asks(t, g, 3, askEntries(binary.BigEndian.AppendUint64(nil, g.Genesis.Parameters.CheckpointInterval))))
		return wire.Type(internal.take()[0].(core.Served).Frames[0]) == entriesType
	}
	if ready() {
		t.Fatal("entries of a snapshot that nothing has read")
	}
	for s.transfer.Work() {
	}
	if !ready() {
		t.Fatal("no entries of a snapshot that is ready")
	}
	s.keep(&statemachine.Window{Sequence: 1})
	s.keep(&statemachine.Window{Sequence: 2})
	s.forget()
	if s.take(<-s.flushed); len(s.flushed) > 0 {
		t.Error("a window of the state before is still on its way")
	}
	if s.forgot() {
		t.Error("the next window would be dropped, too")
	}
	if ready() {
		t.Error("entries of the state that was replaced")
	}
}
