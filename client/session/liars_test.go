package session

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
)

// A model is what all honest replicas agree on: each request is executed once,
// in an order that the test chooses.
type model struct {
	entries map[consensus.Timestamp]entry
	open    *entry
	times   map[string]int // how often each operation was executed
}

func (m *model) execute(q *consensus.Request, sequence consensus.Sequence) entry {
	if q.Kind == consensus.KindOpenSession {
		if m.open == nil {
			e := executed(q, sequence)
			m.open = &e
		}
		return *m.open
	}
	e, ok := m.entries[q.Timestamp]
	if !ok {
		e = executed(q, sequence)
		m.entries[q.Timestamp] = e
		for _, op := range q.Operations {
			m.times[string(op)]++
		}
	}
	return e
}

// R23, R28: whatever f replicas say, in whatever order replies come or are lost,
// no operation has a result that the honest replicas did not give, none is
// completed or executed twice, and all are completed once nothing is lost.
func TestLiars(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{4, 7}).Draw(t, "n")
		r := newRig(t.Fatalf, n, func(c *Config) { c.RequestsMax = rapid.IntRange(1, 4).Draw(t, "in flight") })
		m := &model{entries: map[consensus.Timestamp]entry{}, times: map[string]int{}}
		receipts := rapid.Bool().Draw(t, "receipts")
		next := OperationID(1)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "do") {
			case 0, 1, 2:
				var ops []Operation
				for range rapid.IntRange(1, 5).Draw(t, "operations") {
					ops = append(ops, Operation{ID: next, Kind: consensus.KindOperations, Bytes: fmt.Append(nil, next), Receipt: receipts})
					next++
				}
				r.step(Submitted{ops})
			case 3:
				r.pass(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
			case 4, 5, 6:
				if len(r.requests) > 0 {
					q := rapid.SampledFrom(r.requests).Draw(t, "request")
					from := rapid.IntRange(r.group.F, n-1).Draw(t, "honest")
					r.sequence++
					r.say(consensus.ReplicaID(from), m.execute(q, r.sequence))
				}
			default:
				if len(r.requests) > 0 {
					lie(t, r, rapid.SampledFrom(r.requests).Draw(t, "request"))
				}
			}
		}
		for i := 0; i < len(r.requests); i++ {
			for id := r.group.F; id < n; id++ {
				r.sequence++
				r.say(consensus.ReplicaID(id), m.execute(r.requests[i], r.sequence))
			}
		}
		for id := OperationID(1); id < next; id++ {
			c := r.ended(id, Executed, OutcomeYes)
			if want := fmt.Sprint("did ", id); string(c.Result.Value) != want || m.times[fmt.Sprint(id)] != 1 {
				t.Fatalf("operation %d: result %q, executed %d times", id, c.Result.Value, m.times[fmt.Sprint(id)])
			}
			if len(c.Proof.Roots) < r.group.Weak || c.Proof.Leaf.Sequence > r.sequence {
				t.Fatalf("operation %d: proof %+v", id, c.Proof)
			}
			if receipt := (consensus.Receipt{Leaf: c.Proof.Leaf, Roots: c.Proof.Roots}); receipts && receipt.Verify(r.group, r.s.cfg.Scheme) != nil {
				t.Fatalf("operation %d: the receipt does not hold", id)
			}
		}
		if !r.s.Idle() {
			t.Fatal("not idle")
		}
	})
}

// lie lets the f liars, all alike or one alone, say something false.
func lie(t *rapid.T, r *rig, q *consensus.Request) {
	e := executed(q, math.MaxUint64, consensus.Result{
		Class: consensus.ResultClass(rapid.IntRange(1, 9).Draw(t, "class")), Value: []byte("lie"),
	})
	if rapid.Bool().Draw(t, "bare") {
		e.results = nil
	}
	reason := wire.RefusalReason(rapid.IntRange(1, 6).Draw(t, "reason"))
	how := rapid.IntRange(0, 3).Draw(t, "how")
	for id := range rapid.IntRange(1, r.group.F).Draw(t, "liars") {
		from := consensus.ReplicaID(id)
		switch how {
		case 0:
			r.say(from, e)
		case 1:
			r.refuse(from, q, reason)
		case 2:
			m := r.reply(from, executed(q, 1))
			m.Signature[0]++
			r.step(Received{from, m.Marshal()})
		case 3:
			frame := r.reply(from, e).Marshal()
			i := rapid.IntRange(0, len(frame)-1).Draw(t, "at")
			frame = bytes.Clone(frame)
			frame[i] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
			r.step(Received{from, frame})
		}
	}
}
