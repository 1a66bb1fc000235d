package statemachine_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/memory"
)

// entries returns the state at the store's marker, as a backup holds it.
func entries(t *testing.T, store statemachine.Store) (out []statemachine.Change) {
	t.Helper()
	m, err := store.Marker()
	if err != nil {
		t.Fatal(err)
	}
	err = store.Scan(nil, nil, m.Version, func(key, value []byte) bool {
		out = append(out, statemachine.Change{Key: bytes.Clone(key), Value: bytes.Clone(value)})
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// stream yields entries as Inherit and Install want them.
func stream(entries []statemachine.Change) func() (statemachine.Change, bool, error) {
	return func() (statemachine.Change, bool, error) {
		if len(entries) == 0 {
			return statemachine.Change{}, false, nil
		}
		c := entries[0]
		entries = entries[1:]
		return c, true, nil
	}
}

// successor returns a group that begins with the state of w, with a world on it.
// change edits its genesis.
func (w *world) successor(change func(*consensus.Genesis)) (*world, error) {
	w.t.Helper()
	m, err := w.store.Marker()
	if err != nil {
		w.t.Fatal(err)
	}
	next := &world{t: w.t, scheme: w.scheme, store: memory.New(), app: w.app, clients: w.clients, time: w.time}
	genesis := w.group.Genesis
	genesis.Name = "successor"
	genesis.Origin = consensus.Origin{Group: w.group.ID, Epoch: 1, Sequence: m.Version.Sequence(), Chain: m.Chain, Root: crypto.Digest{1}}
	if change != nil {
		change(&genesis)
	}
	if next.group, err = consensus.NewGroup(genesis, w.scheme); err != nil {
		w.t.Fatal(err)
	}
	if _, err := statemachine.NewMachine(w.app, next.group, next.store, statemachine.WithScheme(w.scheme)); !errors.Is(err, statemachine.ErrOrigin) {
		w.t.Fatalf("a machine without the inherited state: %v", err)
	}
	list := entries(w.t.(*testing.T), w.store)
	first, err := next.store.Install(0, statemachine.InheritedChain(next.group), statemachine.AllPartitions(), statemachine.Inherit(next.group, stream(list)))
	if err != nil {
		return nil, err
	}
	if first.Version != statemachine.VersionAt(0, 1) {
		w.t.Errorf("installed at version %d", first.Version)
	}
	next.machine, err = statemachine.NewMachine(w.app, next.group, next.store, statemachine.WithScheme(w.scheme))
	return next, err
}

// R23, R27, R34: a group that begins with another one's state has its data, its
// agreed time and its client table; what was executed there keeps its timestamp.
func TestInherit(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	for range 5 { // so that its sequence numbers are above the first of the successor
		w.checkpoint()
	}
	for n := range uint64(3) { // as many sessions as one key may have
		w.execute(w.request(1, n+1, 0, 0))
	}
	w.execute(w.request(2, 1, 0, 0), w.request(1, 3, 1, 0, "sxold"), w.request(1, 3, 2, 0, "+n"))
	w.checkpoint()
	next, err := w.successor(nil)
	if err != nil {
		t.Fatal(err)
	}
	if next.machine.Executed() != 0 || next.machine.Time() != w.machine.Time() || next.machine.History() != w.machine.History() ||
		next.machine.Chain() != statemachine.InheritedChain(next.group) || len(next.machine.Enrolments()) != 3 {
		t.Error("not the state of the other group at sequence 0")
	}
	next.want(next.query("x"), "old")
	next.want(next.one(next.request(1, 3, 1, 0, "sxnew")), "8:") // another signature over it: taken, not executed again
	next.want(next.one(next.request(1, 3, 3, 0, "+n")), "1:\x00\x00\x00\x00\x00\x00\x00\x02")
	next.want(next.one(next.request(1, 2, 0, 0)), "8:") // R26: below the highest session
	// R26: the sessions that the new group opens outlive those that came over,
	// though their sequence numbers are lower than those of the old group.
	next.want(next.one(next.request(1, 10, 0, 0)), "1:")
	next.want(next.one(next.request(1, 11, 0, 0)), "1:")
	next.want(next.one(next.request(1, 10, 1, 0, "sxnew")), "1:")
	next.want(next.query("x"), "new")
	next.checkpoint()
	next.restart() // R85: it goes on from there as any other group
	next.want(next.one(next.request(1, 11, 1, 0, "rx")), "1:new")
}

// R49: everyone begins with the same state and chain, down to the last byte; other
// groups with another chain.
func TestInheritAlike(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	w.execute(w.request(1, 1, 0, 0), w.request(1, 1, 1, 0, "sxold"))
	w.checkpoint()
	a, errA := w.successor(nil)
	b, errB := w.successor(nil)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	listA, listB := entries(t, a.store), entries(t, b.store)
	if statemachine.WriteSetDigest(listA) != statemachine.WriteSetDigest(listB) || a.machine.Chain() != b.machine.Chain() {
		t.Error("two members begin with different states")
	}
	other, err := w.successor(func(g *consensus.Genesis) { g.Origin.Root[0]++ })
	if err != nil || other.machine.Chain() == a.machine.Chain() {
		t.Errorf("%v, or the chain does not say with which state it begins", err)
	}
}

// R34: who is enrolled says the new group; who is not brings no session over, but
// cannot open an old one again if it comes back.
func TestInheritClients(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	w.execute(w.request(1, 5, 0, 0), w.request(2, 5, 0, 0), w.request(2, 5, 1, 0, "sxold"))
	w.checkpoint()
	next, err := w.successor(func(g *consensus.Genesis) {
		g.Clients = []consensus.Enrolment{g.Clients[0], g.Clients[1], w.enrolment(4)}
	})
	if err != nil {
		t.Fatal(err)
	}
	next.want(next.one(next.request(2, 5, 2, 0, "sxno")), "5:")
	next.want(next.one(next.request(4, 1, 0, 0)), "1:")
	next.execute(next.request(0, 1, 0, 0))
	next.want(next.one(next.admin(0, 1, 1, statemachine.EnrolOperation(w.enrolment(2)))), "1:")
	next.want(next.one(next.request(2, 5, 0, 0)), "6:")
	next.want(next.one(next.request(2, 6, 0, 0)), "1:")
}

// What is no snapshot of the origin, or does not fit, is refused.
func TestInheritRefused(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	w.execute(w.request(1, 1, 0, 0), w.request(1, 1, 7, 0, "sxold"))
	w.checkpoint()
	for want, change := range map[string]func(*consensus.Genesis){
		"the snapshot is of group": func(g *consensus.Genesis) { g.Origin.Sequence++ },
		"session_window":           func(g *consensus.Genesis) { g.Parameters.SessionWindow = 4 },
	} {
		if _, err := w.successor(change); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	next, err := w.successor(nil)
	if err != nil {
		t.Fatal(err)
	}
	list := entries(t, w.store)
	for want, bad := range map[string][]statemachine.Change{
		"no meta entry":        list[:1],
		"no table":             {{Key: []byte("\x00z")}},
		"is malformed":         {{Key: []byte("\x00m"), Value: []byte("x")}},
		"does not fit":         {{Key: []byte("\x00s"), Value: []byte("x")}},
		"entry 7a of no table": {{Key: []byte("z")}},
	} {
		from := statemachine.Inherit(next.group, stream(bad))
		var err error
		for ok := true; ok && err == nil; {
			_, ok, err = from()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
