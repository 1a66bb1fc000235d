package statemachine_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

// R110, R111: what ends an operation is a result, the same everywhere, and leaves
// nothing behind; the operations around it are unharmed.
func TestCutOperations(t *testing.T) {
	cases := []struct{ name, op, want string }{
		{"error", "exE", "2:refused"},
		{"panic", "pxP", "3:"},
		{"panic inside a scan", "ixP", "3:"},
		{"endless reads, the cut hidden", "RxP", "4:reads_max"},
		{"write set", "w\x06", "4:write_set_bytes_max"},
		{"write set, just within", "w\x04", "1:"},
		{"result", "b" + u32(2001), "4:result_bytes_max"},
		{"key", "k" + u32(65), "4:key_bytes_max"},
		{"key, just within", "k" + u32(64), "1:"},
		{"value", "v" + u32(2001), "4:value_bytes_max"},
		{"value, just within", "v" + u32(2000), "1:"},
	}
	p := parameters()
	p.ReadsMax, p.WriteSetBytesMax, p.ResultBytesMax, p.KeyBytesMax, p.ValueBytesMax = 100, 5000, 2000, 64, 2000
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, script{}, p)
			w.execute(w.request(1, 1, 0, 0), w.request(1, 1, 1, 0, "sx0"))
			got := w.one(w.request(1, 1, 2, 0, "sa1", c.op, "sb2"))
			w.want(got, "1:, "+c.want+", 1:")
			if strings.HasPrefix(c.want, "1:") {
				return
			}
			w.want(w.one(w.request(1, 1, 3, 0, "l")), "1:a1b2x0")
			clean := newWorld(t, script{}, p)
			clean.execute(clean.request(1, 1, 0, 0), clean.request(1, 1, 1, 0, "sx0"))
			clean.execute(clean.request(1, 1, 2, 0, "sa1", "sb2"))
			w.want(applicationChanges(w), applicationChanges(clean))
		})
	}
}

// applicationChanges closes the window and lists what it changed of the
// application's keys.
func applicationChanges(w *world) string {
	out := ""
	for w.execute().Window == nil {
	}
	for _, win := range w.pending {
		for _, c := range win.Changes {
			if c.Key[0] == 'a' {
				out += fmt.Sprintf("%q=%q,%v ", c.Key, c.Value, c.Deleted)
			}
		}
	}
	return out
}

// R111: the results of one request, and of one batch, are bounded together;
// whoever is cut off left no changes.
func TestSharedBudgets(t *testing.T) {
	p := parameters()
	p.ResultBytesMax, p.WriteSetBytesMax, p.RequestBytesMax, p.BatchBytesMax = 64, 1<<20, 512, 1<<10
	w := newWorld(t, script{}, p)
	w.execute(w.request(1, 1, 0, 0))
	big := "b" + u32(64)
	got := w.one(w.request(1, 1, 1, 0, big, big, big, big, big, "b"+u32(0)))
	if !strings.HasSuffix(got, "4:results of one request, 1:") {
		t.Errorf("got %q", got)
	}
	var rs []*consensus.Request
	w.execute(w.request(1, 2, 0, 0), w.request(1, 3, 0, 0))
	for i := range uint64(66) {
		rs = append(rs, w.request(1, 1+i%3, 2+i/3, 1+i/3, big, big, big, big))
	}
	x := w.execute(rs...)
	if got := w.text(x.Outcomes[65]); !strings.HasPrefix(got, "4:results of one batch") {
		t.Errorf("the last of the batch has %q", got)
	}
	if got := w.text(x.Outcomes[63]); strings.Contains(got, "4:") {
		t.Errorf("one within the batch's budget has %q", got)
	}
	p.WriteSetBytesMax = 5000
	w = newWorld(t, script{}, p)
	w.execute(w.request(1, 1, 0, 0))
	rs = nil
	for i := range uint64(21) { // 4 writes of 1,002 bytes each; 80,000 for the batch
		rs = append(rs, w.request(1, 1, 1+i, i, "w\x04"))
	}
	x = w.execute(rs...)
	w.want(w.text(x.Outcomes[18]), "1:")
	w.want(w.text(x.Outcomes[20]), "4:writes of one batch")
	w.want(w.one(w.request(1, 1, 22, 21, "w\x04")), "1:") // the next batch has its own
}

// R33, R110: operations that end with an error have read, too: what a small request,
// and a batch of them, can let every replica read is bounded.
func TestSharedReads(t *testing.T) {
	p := parameters()
	p.ReadsMax, p.BatchBytesMax, p.RequestBytesMax = 3000, 1<<14, 1<<10
	w := newWorld(t, script{}, p)
	w.execute(w.request(1, 1, 0, 0))
	w.want(w.one(w.request(1, 1, 1, 0, "ra", "R", "R", "R", "R", "ra")),
		"1:, 4:reads_max, 4:reads_max, 4:reads_max, 4:reads of one request, 4:reads of one request")
	var rs []*consensus.Request
	for i := range uint64(17) {
		rs = append(rs, w.request(1, 1, 2+i, 1+i, "R", "R", "R", "R"))
	}
	x := w.execute(rs...)
	w.want(w.text(x.Outcomes[15]), "4:reads_max, 4:reads_max, 4:reads_max, 4:reads_max")
	w.want(w.text(x.Outcomes[16]), "4:reads of one batch, 4:reads of one batch, 4:reads of one batch, 4:reads of one batch")
	w.want(w.one(w.request(1, 1, 19, 18, "ra")), "1:") // the next batch has its own
}

// R110: the text of a panic is reported to the operator, a few times for each
// batch, and stays out of the results.
func TestPanicReport(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	var seen []string
	m, err := statemachine.NewMachine(script{}, w.group, w.store, statemachine.WithScheme(w.scheme),
		statemachine.WithPanic(func(v any) { seen = append(seen, fmt.Sprint(v)) }))
	if err != nil {
		t.Fatal(err)
	}
	w.machine = m
	w.execute(w.request(1, 1, 0, 0))
	x := w.execute(w.request(1, 1, 1, 0, "px", "px", "px", "px", "px", "px"))
	if strings.Contains(w.text(x.Outcomes[0]), "map") || len(seen) != 4 || !strings.Contains(seen[0], "nil map") {
		t.Errorf("results %q, reports %q", w.text(x.Outcomes[0]), seen)
	}
}

// A scan shows the state as it was when it began, over all windows and the store,
// whatever is written meanwhile.
func TestScanAndWrite(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	w.execute(w.request(1, 1, 0, 0), w.request(1, 1, 1, 0, "sa0", "sb0", "sc0", "sd0"))
	w.checkpoint()
	w.execute(w.request(1, 1, 2, 0, "sb1", "dc", "se1"))
	for w.execute().Window == nil { // stays in the overlay
	}
	w.execute(w.request(1, 1, 3, 0, "sc2", "de", "sf2"))
	w.want(w.one(w.request(1, 1, 4, 0, "l", "Lbf", "Laa", "Lba")), "1:a0b1c2d0f2, 1:b1c2d0, 1:, 1:")
	w.want(w.one(w.request(1, 1, 5, 0, "c")), "1:\x05")
	w.want(w.one(w.request(1, 1, 6, 0, "l")), "1:\xff\x01late\xff\x02late\xff\x03late\xff\x04late\xff\x05late")
	w.checkpoint()
	w.want(w.one(w.request(1, 1, 7, 0, "l")), "1:\xff\x01late\xff\x02late\xff\x03late\xff\x04late\xff\x05late")
}

// A query sees the executed state, and changes nothing.
func TestQuery(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	w.execute(w.request(1, 1, 0, 0), w.request(1, 1, 1, 0, "sxa", "exb"))
	w.want(w.query("x"), "a")
	for op, want := range map[string]consensus.ResultClass{
		"p": consensus.ResultPanic, "?": consensus.ResultError, "rx": consensus.ResultOK,
	} {
		if res, err := w.machine.Query([]byte(op)); err != nil || res.Class != want {
			t.Errorf("query %q: %d %v, want class %d", op, res.Class, err, want)
		}
	}
	if res, _ := w.machine.Query([]byte("W")); string(res.Value) != "false" {
		t.Error("a query was given a Writer")
	}
}

// keeper keeps its Writer, which is against the contract.
type keeper struct {
	script
	kept *statemachine.Writer
}

func (k keeper) Apply(w statemachine.Writer, op []byte) ([]byte, error) {
	if *k.kept != nil {
		(*k.kept).Set([]byte("x"), []byte("stolen"))
	}
	*k.kept = w
	return k.script.Apply(w, op)
}

// What an application does with its buffers afterwards changes no state.
func TestSetCopies(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	w.execute(w.request(1, 1, 0, 0))
	w.want(w.one(w.request(1, 1, 1, 0, "mx1", "rx")), "1:, 1:1")
}

// R109: a Writer is of no use after its call.
func TestWriterAfterCall(t *testing.T) {
	w := newWorld(t, keeper{kept: new(statemachine.Writer)}, parameters())
	w.execute(w.request(1, 1, 0, 0))
	w.want(w.one(w.request(1, 1, 1, 0, "sxa", "syb")), "1:, 3:")
	w.want(w.query("x"), "a")
}

// R37: agreed time grows by at least a nanosecond with each batch, and follows the
// proposal if that is later. R74: the null batch leaves it, and counts.
func TestAgreedTime(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	w.execute(w.request(1, 1, 0, 0)) // proposes 1000
	run := func(proposed, want consensus.Time) {
		t.Helper()
		n := uint64(w.machine.Executed())
		b := consensus.NewBatch(proposed, []*consensus.Request{w.request(1, 1, n, n-1, "t")})
		x, err := w.machine.Execute(b, w.machine.Executed()+1)
		if err != nil {
			t.Fatal(err)
		}
		w.want(w.text(x.Outcomes[0]), fmt.Sprintf("1:%d %d %s", x.Sequence, want, w.id(1)))
		if x.Time != want || w.machine.Time() != want {
			t.Errorf("time %d, want %d", x.Time, want)
		}
	}
	run(5000, 5000)
	run(5000, 5001)
	run(0, 5002)
	if x := w.execute(); x.Time != 5002 || x.Sequence != 5 {
		t.Errorf("null batch: time %d at %d", x.Time, x.Sequence)
	}
	run(7000, 7000)
	run(math.MaxInt64, math.MaxInt64)
	run(math.MaxInt64, math.MaxInt64)
}

// R40: only the next batch is executed.
func TestOrder(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	for _, s := range []consensus.Sequence{0, 2} {
		if _, err := w.machine.Execute(consensus.NullBatch, s); !errors.Is(err, statemachine.ErrOrder) {
			t.Errorf("batch %d: %v", s, err)
		}
	}
	w.execute()
}

// R32: what is executed depends on the order in the batch alone, and the root and
// history name every outcome.
func TestRootAndHistory(t *testing.T) {
	a, b := newWorld(t, script{}, parameters()), newWorld(t, script{}, parameters())
	a.execute(a.request(1, 1, 0, 0), a.request(2, 1, 0, 0))
	b.execute(b.request(1, 1, 0, 0), b.request(2, 1, 0, 0))
	if a.machine.History() != b.machine.History() {
		t.Fatal("equal machines have different histories")
	}
	x := a.execute(a.request(1, 1, 1, 0, "+n"), a.request(2, 1, 1, 0, "+n"))
	y := b.execute(b.request(2, 1, 1, 0, "+n"), b.request(1, 1, 1, 0, "+n"))
	if x.Root == y.Root || x.History == y.History {
		t.Error("another order, the same root")
	}
	for i, o := range x.Outcomes {
		if !crypto.VerifyPath(x.Root, o.Leaf.Hash(), x.Tree.Path(i)) {
			t.Errorf("outcome %d is not under the root", i)
		}
	}
}

// An unreadable store is no result but the end of the machine.
func TestStoreError(t *testing.T) {
	broken := errors.New("disk gone")
	for _, op := range []string{"rx", "l", "RxP"} {
		w := newWorld(t, script{}, parameters())
		w.execute(w.request(1, 1, 0, 0))
		before := w.machine.History()
		w.store.Fail(broken)
		b := consensus.NewBatch(5000, []*consensus.Request{w.request(1, 1, 1, 0, op)})
		if x, err := w.machine.Execute(b, 2); !errors.Is(err, broken) || x != nil {
			t.Fatalf("%q: %v", op, err)
		}
		w.store.Fail(nil)
		if _, err := w.machine.Execute(b, 2); !errors.Is(err, broken) {
			t.Errorf("%q: the machine went on: %v", op, err)
		}
		if _, err := w.machine.Query([]byte("rx")); !errors.Is(err, broken) {
			t.Errorf("%q: the machine answers: %v", op, err)
		}
		if w.machine.History() != before {
			t.Errorf("%q: the history moved", op)
		}
	}
	w := newWorld(t, script{}, parameters())
	w.store.Fail(broken)
	if _, err := w.machine.Query([]byte("rx")); !errors.Is(err, broken) {
		t.Errorf("query: %v", err)
	}
}
