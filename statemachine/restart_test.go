package statemachine_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/memory"
)

// A stored group with another configuration, damaged state, or none.
func TestNewMachine(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	genesis, marker := statemachine.Genesis(w.group)
	if m, _ := w.store.Marker(); m != marker || marker.Version != statemachine.VersionAt(0, 1) || len(genesis) != 4 ||
		w.machine.Chain() != marker.Chain || w.machine.Executed() != 0 || w.machine.Time() != 0 || w.machine.History() != (crypto.Digest{}) {
		t.Error("not the genesis state")
	}
	other := newWorld(t, script{}, consensus.DefaultParameters())
	if _, err := statemachine.NewMachine(script{}, other.group, w.store); err == nil {
		t.Error("the state of another group was accepted")
	}
	damage := map[string][]byte{"\x00m": []byte("x"), "\x00c" + string(genesis[0].Key[2:]): []byte("x")}
	for key, value := range damage {
		for _, v := range [][]byte{value, nil} {
			w := newWorld(t, script{}, parameters())
			w.store.Rot([]byte(key), v)
			_, err := statemachine.NewMachine(script{}, w.group, w.store)
			if want := v != nil || key == "\x00m"; errors.Is(err, statemachine.ErrRot) != want {
				t.Errorf("key %q replaced by %q: %v", key, v, err)
			}
		}
	}
	w.store.Fail(errors.New("disk gone"))
	if _, err := statemachine.NewMachine(script{}, w.group, w.store); err == nil {
		t.Error("an unreadable store was accepted")
	}
}

// R85: a crash while the genesis state is stored leaves nothing to repair.
func TestGenesisCrash(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	for writes := range 5 {
		store := memory.New()
		store.Crash(writes)
		if _, err := statemachine.NewMachine(script{}, w.group, store); !errors.Is(err, memory.ErrCrashed) {
			t.Fatalf("after %d writes: %v", writes, err)
		}
		m, err := statemachine.NewMachine(script{}, w.group, store)
		if err != nil || m.Chain() != w.machine.Chain() {
			t.Errorf("after %d writes: %v", writes, err)
		}
	}
}

// A life is a list of batches, and what a machine that was never disturbed made
// of them.
type life struct {
	batches []*consensus.Batch
	seen    []*statemachine.Execution
}

// live draws batches: operations of several clients and sessions, repetitions,
// refused ones, changes to the table, null batches.
func live(t *rapid.T, w *world) life {
	var l life
	var old []*consensus.Request
	ops := []string{"sa1", "sb2", "da", "+n", "+n", "exE", "pxP", "l", "ra", "c", "b" + u32(40), "t"}
	count := rapid.IntRange(5, 30).Draw(t, "batches")
	for range count {
		var rs []*consensus.Request
		seen := map[crypto.Digest]bool{}
		for range rapid.IntRange(0, 5).Draw(t, "requests") {
			r := request(t, w, old, ops)
			if !seen[r.Digest()] {
				seen[r.Digest()] = true
				rs = append(rs, r)
				old = append(old, r)
			}
		}
		b := consensus.NullBatch
		if len(rs) > 0 {
			b = consensus.NewBatch(consensus.Time(rapid.IntRange(0, 1000).Draw(t, "time")), rs)
		}
		l.batches = append(l.batches, b)
		x, err := w.machine.Execute(b, w.machine.Executed()+1)
		if err != nil {
			t.Fatal(err)
		}
		l.seen = append(l.seen, x)
	}
	return l
}

func request(t *rapid.T, w *world, old []*consensus.Request, ops []string) *consensus.Request {
	client := byte(rapid.IntRange(0, 4).Draw(t, "client"))
	session := uint64(rapid.IntRange(1, 5).Draw(t, "session"))
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0:
		if len(old) > 0 {
			return old[rapid.IntRange(0, len(old)-1).Draw(t, "old")]
		}
	case 1, 2:
		return w.request(client, session, 0, 0)
	case 3:
		target := byte(rapid.IntRange(1, 4).Draw(t, "target"))
		op := statemachine.RemoveOperation(w.id(target))
		if rapid.Bool().Draw(t, "enrol") {
			op = statemachine.EnrolOperation(w.enrolment(target))
		}
		return w.admin(0, session, uint64(rapid.IntRange(1, 9).Draw(t, "timestamp")), op)
	}
	timestamp := uint64(rapid.IntRange(1, 12).Draw(t, "timestamp"))
	done := uint64(rapid.IntRange(0, 6).Draw(t, "done"))
	return w.request(client, session, timestamp, min(done, timestamp-1), rapid.SliceOfN(rapid.SampledFrom(ops), 1, 3).Draw(t, "operations")...)
}

func same(t *rapid.T, got, want *statemachine.Execution) {
	if got.Root != want.Root || got.History != want.History || got.Time != want.Time || got.Sequence != want.Sequence {
		t.Fatalf("batch %d: another root, history or time", want.Sequence)
	}
	if (got.Window == nil) != (want.Window == nil) || got.Window != nil && got.Window.Chain != want.Window.Chain {
		t.Fatalf("batch %d: another window", want.Sequence)
	}
	for i := range got.Outcomes {
		if !bytes.Equal(got.Outcomes[i].Results, want.Outcomes[i].Results) {
			t.Fatalf("batch %d, request %d: other results", want.Sequence, i)
		}
	}
}

// R85, R109, R125: when windows are stored, and where a replica crashes and starts
// again from its store, has no influence on anything that it says.
func TestRestartsAndFlushes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := parameters()
		p.SessionBytesMax = 100
		calm := newWorld(t, script{}, p)
		l := live(t, calm)
		w := newWorld(t, script{}, p)
		for steps := 0; int(w.machine.Executed()) < len(l.batches); steps++ {
			n := w.machine.Executed()
			x, err := w.machine.Execute(l.batches[n], n+1)
			if err != nil {
				t.Fatal(err)
			}
			same(t, x, l.seen[n])
			if x.Window != nil {
				w.pending = append(w.pending, x.Window)
			}
			disturb(t, w, steps < 100)
		}
		if w.machine.History() != calm.machine.History() || w.machine.Chain() != calm.machine.Chain() {
			t.Fatal("another history or chain at the end")
		}
	})
}

// disturb stores windows, late or in part, or starts again.
func disturb(t *rapid.T, w *world, restarts bool) {
	for len(w.pending) > 0 && rapid.Bool().Draw(t, "flush") {
		v := w.flush()
		if rapid.Bool().Draw(t, "tell") {
			w.machine.Flushed(v)
			if err := w.store.Retire(v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !restarts || rapid.IntRange(0, 5).Draw(t, "restart") > 0 {
		return
	}
	if len(w.pending) > 0 && rapid.Bool().Draw(t, "crash in a flush") {
		win := w.pending[0]
		w.store.Crash(rapid.IntRange(0, len(win.Changes)).Draw(t, "writes"))
		m := statemachine.Marker{Version: statemachine.VersionAt(win.Sequence, 0), Chain: win.Chain}
		if err := w.store.Apply(win.Changes, m); !errors.Is(err, memory.ErrCrashed) {
			t.Fatal(err)
		}
	}
	if rapid.Bool().Draw(t, "reload") {
		w.pending = nil
		if err := w.machine.Reload(); err != nil {
			t.Fatal(err)
		}
		return
	}
	w.restart()
}
