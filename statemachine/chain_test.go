package statemachine_test

import (
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

// R49: whatever differs between two states, the chain differs.
func TestChainCoversAll(t *testing.T) {
	run := func(t *testing.T, rs func(w *world) []*consensus.Request, later consensus.Time) crypto.Digest {
		w := newWorld(t, script{}, parameters())
		w.execute(w.request(0, 1, 0, 0), w.request(1, 1, 0, 0))
		w.time += later
		w.execute(rs(w)...)
		w.checkpoint()
		if w.machine.Chain() == (crypto.Digest{}) {
			t.Fatal("no chain")
		}
		return w.machine.Chain()
	}
	cases := []struct {
		name  string
		rs    func(w *world) []*consensus.Request
		later consensus.Time
	}{
		{"the least", func(w *world) []*consensus.Request { return []*consensus.Request{w.request(1, 1, 1, 0, "sa1")} }, 0},
		{"a value", func(w *world) []*consensus.Request { return []*consensus.Request{w.request(1, 1, 1, 0, "sa2")} }, 0},
		{"a deletion", func(w *world) []*consensus.Request { return []*consensus.Request{w.request(1, 1, 1, 0, "da")} }, 0},
		{"a timestamp", func(w *world) []*consensus.Request { return []*consensus.Request{w.request(1, 1, 2, 0, "sa1")} }, 0},
		{"what is done", func(w *world) []*consensus.Request { return []*consensus.Request{w.request(1, 1, 2, 1, "sa1")} }, 0},
		{"another client", func(w *world) []*consensus.Request { return []*consensus.Request{w.request(0, 1, 1, 0, "sa1")} }, 0},
		{"a session", func(w *world) []*consensus.Request { return []*consensus.Request{w.request(1, 2, 0, 0)} }, 0},
		{"a removal", func(w *world) []*consensus.Request {
			return []*consensus.Request{w.admin(0, 1, 1, statemachine.RemoveOperation(w.id(2)))}
		}, 0},
		{"a refused request", func(w *world) []*consensus.Request { return []*consensus.Request{w.request(1, 9, 1, 0, "sa1")} }, 0},
		{"agreed time", func(w *world) []*consensus.Request { return []*consensus.Request{w.request(1, 1, 1, 0, "sa1")} }, 1},
	}
	seen := map[crypto.Digest]string{}
	for _, c := range cases {
		d := run(t, c.rs, c.later)
		if d != run(t, c.rs, c.later) {
			t.Errorf("%s: two equal machines have different chains", c.name)
		}
		if other, ok := seen[d]; ok {
			t.Errorf("%s has the chain of %s", c.name, other)
		}
		seen[d] = c.name
	}
}

// R124: the write set of a window is the last write per key, tombstones included,
// whether or not the value changed.
func TestWriteSet(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	w.execute(w.request(1, 1, 0, 0), w.request(1, 1, 1, 0, "sa1", "sb1"))
	w.checkpoint()
	w.execute(w.request(1, 1, 2, 0, "sa1", "sb2", "sb1", "dc", "sd1", "dd", "exE"))
	w.want(applicationChanges(w), `"aa"="1",false "ab"="1",false "ac"="",true "ad"="",true `)
	win := w.pending[0]
	if statemachine.NextChain(chainBefore(w), win.Sequence, statemachine.WriteSetDigest(win.Changes)) != win.Chain {
		t.Error("the chain is not that of the write set")
	}
	digests := map[crypto.Digest]bool{}
	for _, changes := range [][]statemachine.Change{
		nil,
		{{Key: []byte("a")}},
		{{Key: []byte("a"), Deleted: true}},
		{{Key: []byte("a"), Value: []byte("b")}},
		{{Key: []byte("ab")}},
		{{Key: []byte("a")}, {Key: []byte("b")}},
	} {
		digests[statemachine.WriteSetDigest(changes)] = true
	}
	if len(digests) != 6 {
		t.Errorf("6 write sets have %d digests", len(digests))
	}
}

func chainBefore(w *world) crypto.Digest {
	m, _ := w.store.Marker()
	return m.Chain
}
