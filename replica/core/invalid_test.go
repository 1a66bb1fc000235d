package core_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/statemachine"
)

// Where a frame can end that is decoded without an error.
var (
	errSignature = errors.New("a signature does not hold")
	errIgnored   = errors.New("the core goes on as if it had not come")
	errNextView  = errors.New("the engine goes on to the next view (R63)")
	errTaken     = errors.New("taken")
)

// An invalid is one frame that differs from a valid one in one thing.
type invalid struct {
	name   string
	frame  []byte
	want   error    // the reason for which it has to be refused
	before [][]byte // valid frames that come first
}

// A table is a list of invalid frames with the valid ones that they differ from.
type table struct {
	*pen
	kind  string
	rows  []invalid
	valid []invalid
}

func (t *table) add(name string, frame []byte, want error) {
	t.rows = append(t.rows, invalid{name: t.kind + ": " + name, frame: frame, want: want})
}

// after adds a frame that is valid, but comes after others.
func (t *table) after(name string, frame []byte, want error, before ...[]byte) {
	t.rows = append(t.rows, invalid{name: t.kind + ": " + name, frame: frame, want: want, before: before})
}

// base starts a new kind of frame: a valid one, and what is wrong with any frame
// whose bytes are cut or go on.
func (t *table) base(kind string, frame []byte, form error) {
	t.kind = kind
	t.valid = append(t.valid, invalid{name: kind, frame: frame, want: errTaken})
	for _, cut := range []int{1, 2, len(frame) / 2, len(frame) - 1} {
		t.add(fmt.Sprintf("cut at byte %d", cut), frame[:cut:cut], form)
	}
	t.add("a byte more", append(frame[:len(frame):len(frame)], 0), form)
}

// A victim is replica 1 of a group of four, a backup in view 2 with water marks 4
// and 12. At 5 it voted and waits; 6 and above are untouched.
type victim struct {
	t       *testing.T
	core    *core.Core
	decoder core.Decoder
	scheme  crypto.Scheme
	now     time.Time
	trace   []core.Output
	through consensus.Position
}

const self consensus.ReplicaID = 1

func newVictim(t *testing.T, p *pen) *victim {
	v := &victim{
		t: t, scheme: p.scheme, now: startTime,
		decoder: core.Decoder{Group: p.group, Codec: pbft.NewCodec(p.group)},
		core: core.New(core.Config{
			Group: p.group, Self: self, Signer: p.replicas[self], Pool: core.DefaultPoolLimits(p.group.Genesis.Parameters),
			Engine: pbft.New(pbft.Config{Group: p.group, Self: self, Signer: p.replicas[self]}),
		}),
	}
	var out core.Output
	v.core.Start(core.Durable{Marker: statemachine.Marker{Version: statemachine.VersionAt(4, 0), Chain: chain(4)}, Enrolled: 3}, v.now, &out)
	v.carry(out)
	for _, frame := range p.prelude() {
		if err := v.give(frame); err != errTaken {
			t.Fatalf("the story so far: type %d: %v", frame[0], err)
		}
	}
	if st := v.core.Status().Engine; st.View != 2 || st.Low != 4 || st.High != 12 || st.Ordered != 4 {
		t.Fatalf("the victim is at %+v", st)
	}
	v.trace = nil
	return v
}

// give hands the victim a frame as the verify pool does, and says where it ended;
// errTaken if it reached the core.
func (v *victim) give(frame []byte) (end error) {
	m, err := v.decoder.Replica(frame, v.core.Hint())
	if err != nil {
		return err
	}
	crypto.VerifyAll(v.scheme, []crypto.Unverified[consensus.Message]{m}, func(_ int, m crypto.Verified[consensus.Message]) {
		if _, ok := m.Value().(core.RequestMessage); ok {
			v.step(core.Admitted{Request: m})
		} else {
			v.step(core.Received{From: 3, Message: m})
		}
		end = errTaken
	}, func(int) { end = errSignature })
	return end
}

func (v *victim) step(in core.Input) {
	var out core.Output
	v.core.Step(in, &out)
	v.carry(out)
}

// carry notes what has to be done, and makes the log durable at once.
func (v *victim) carry(out core.Output) {
	if !reflect.DeepEqual(out, core.Output{}) {
		v.trace = append(v.trace, out)
	}
	if n := len(out.Persist); n > 0 && out.Persist[n-1].Position > v.through {
		v.through = out.Persist[n-1].Position
		v.step(core.Persisted{Through: v.through})
	}
}

// goOn lets the future come: whatever the victim keeps shows in what it does then.
func (v *victim) goOn(p *pen) (trace []core.Output, status core.Status) {
	for _, frame := range p.future() {
		for range 4 {
			v.now = v.now.Add(100 * time.Millisecond)
			v.step(core.Tick{Now: v.now})
		}
		_ = v.give(frame) // what it does to the victim is in the trace
	}
	return v.trace, v.core.Status()
}

// judge runs one row: where its frame ends, and whether everything that the victim
// did since the story began is what it would have done without the frame.
func judge(t *testing.T, p *pen, row invalid) error {
	v, control := newVictim(t, p), newVictim(t, p)
	for _, frame := range row.before {
		for _, each := range []*victim{v, control} {
			if err := each.give(frame); err != errTaken {
				t.Fatalf("%s: a frame before it: %v", row.name, err)
			}
		}
	}
	before := v.core.Status()
	end := v.give(row.frame)
	after := v.core.Status().Engine
	moved := after.View == before.Engine.View && after.ChangingTo > before.Engine.ChangingTo
	trace, status := v.goOn(p)
	wantTrace, wantStatus := control.goOn(p)
	same := reflect.DeepEqual(trace, wantTrace) && status == wantStatus
	switch {
	case end != errTaken && !same:
		return fmt.Errorf("refused with %q, and yet the state changed", end)
	case end != errTaken:
		return end
	case same:
		return errIgnored
	case moved:
		return errNextView
	}
	return errTaken
}

// R2, R4, R5, R8, R15, R16, R19, R35, R41, R47, R48, R53, R60, R61, R63, R69, R74,
// R103, R107, R108: each of these frames is wrong in one thing. Each is refused for
// that reason, and leaves the replica as it was: not only its status, but all that
// it does afterwards, is what it would have done.
func TestInvalidInputs(t *testing.T) {
	p := newPen(t)
	tb := &table{pen: p}
	for _, fill := range []func(*table){
		votes, preprepares, checkpoints, commitCertificates, checkpointCertificates, viewChanges, newViews,
		statuses, evidence, requests, fetches, batches, snapshots, transfers, unknownTypes,
	} {
		fill(tb)
	}
	for _, row := range tb.valid {
		if got := judge(t, p, row); got != row.want {
			t.Errorf("%s: the frame from which invalid ones are made: %v, not: %v", row.name, got, row.want)
		}
	}
	seen := map[string]bool{}
	for _, row := range tb.rows {
		if seen[row.name] {
			t.Errorf("%s: stands in the table twice", row.name)
		}
		seen[row.name] = true
		if got := judge(t, p, row); !errors.Is(got, row.want) {
			t.Errorf("%s: %v, not: %v", row.name, got, row.want)
		}
	}
	if len(tb.rows) < 500 {
		t.Errorf("the table has %d rows", len(tb.rows))
	}
	t.Logf("%d invalid inputs of %d kinds", len(tb.rows), len(tb.valid))
}
