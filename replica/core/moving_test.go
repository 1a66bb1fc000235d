package core

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
)

// question is one for the state server, as another replica sends it.
func question(t *testing.T, s *stage, target byte) consensus.Message {
	t.Helper()
	frame := make([]byte, 18) // from 0 to target, not whole
	frame[0], frame[16] = byte(wire.TypeStateFirst), target
	u, err := transfer.Decode(frame, s.group)
	if err != nil || !transfer.Question(u.Value) {
		t.Fatal("no question: ", err)
	}
	return u.Value
}

// TestFewQuestionsEach: R96, R102, R105 – one replica that asks without end does not
// keep the state server from the others, and one whose answer was lost may ask again.
func TestFewQuestionsEach(t *testing.T) {
	s := newStage(t, nil)
	serves := 0
	for range 1000 {
		serves += len(s.receive(2, question(t, s, 8)).Serve)
	}
	if serves != transfer.QuestionsMax {
		t.Errorf("%d questions of one replica are under way at once", serves)
	}
	if n := len(s.receive(3, question(t, s, 8)).Serve); n != 1 {
		t.Error("another replica's question was dropped")
	}
	if out := s.step(Served{To: 2, Frames: [][]byte{{1}}}); len(out.Send) != 1 || out.Send[0].To != 2 || out.Send[0].Class != consensus.ClassState {
		t.Errorf("the answer: %+v", out.Send)
	}
	if n := len(s.receive(2, question(t, s, 8)).Serve); n != 1 {
		t.Error("a replica cannot ask again")
	}
	if n := len(s.receive(2, question(t, s, 8)).Serve); n != 0 {
		t.Error("a replica has more questions open than one answer made room for")
	}
	s.after(-time.Hour) // R89: a clock that is set back holds no timer up
	for range servingMax / time.Second {
		s.after(time.Second)
	}
	if n := len(s.receive(2, question(t, s, 8)).Serve); n != 1 {
		t.Error("a replica whose question was lost cannot ask again")
	}
	for range transfer.QuestionsMax {
		s.receive(2, question(t, s, 8))
	}
	if s.after(time.Hour); len(s.receive(2, question(t, s, 8)).Serve) != 0 {
		t.Error("a jump of the clock passed for time (R89)")
	}
}

// execute lets the engine order empty batches.
func (s *stage) execute(sequences ...consensus.Sequence) Output {
	return s.effects(func(e *consensus.Effects) {
		for _, n := range sequences {
			e.Execute = append(e.Execute, consensus.Execute{Sequence: n, Batch: consensus.NullBatch})
		}
	})
}

func (s *stage) behind(n consensus.Sequence) Output {
	return s.effects(func(e *consensus.Effects) { e.Behind = append(e.Behind, consensus.Checkpoint{Sequence: n}) })
}

func asks(out Output) (n int) {
	for _, o := range out.Send {
		if o.Class == consensus.ClassState {
			n++
		}
	}
	return n
}

// TestTransferWaitsForExecutor: R95 – a transfer begins when neither the executor nor
// a flush is at work, and what is ordered meanwhile waits for it.
func TestTransferWaitsForExecutor(t *testing.T) {
	s := newStage(t, nil)
	if out := s.execute(1, 2); len(out.Execute) != 2 {
		t.Fatalf("%d batches went to the executor", len(out.Execute))
	}
	if out := s.behind(8); asks(out) > 0 {
		t.Error("a transfer began while the executor was at work")
	}
	if out := s.execute(3); len(out.Execute) > 0 {
		t.Error("a batch was executed although a transfer is due")
	}
	s.step(s.execution(1))
	x := s.execution(2)
	x.Execution.Window = &statemachine.Window{Sequence: 2}
	if out := s.step(x); asks(out) > 0 || len(out.Flush) != 1 {
		t.Error("a transfer began while a flush was at work")
	}
	if out := s.step(Flushed{Marker: statemachine.Marker{Version: statemachine.VersionAt(2, 0)}}); asks(out) != s.group.F+1 {
		t.Errorf("%d questions when all rest", asks(out))
	}
	if s.core.Status().Transfer == "" {
		t.Error("the status does not say so")
	}
}

// TestParked: R40 – what was ordered while a transfer was due is executed, in order and
// nothing twice, when the executor got there by itself.
func TestParked(t *testing.T) {
	s := newStage(t, nil)
	s.execute(1, 2)
	s.behind(2)
	if out := s.execute(3, 4); len(out.Execute) > 0 {
		t.Error("a batch was executed although a transfer is due")
	}
	out := s.step(s.execution(1))
	if out2 := s.step(s.execution(2)); len(out.Execute) > 0 || len(out2.Execute) != 2 ||
		out2.Execute[0].Sequence != 3 || out2.Execute[1].Sequence != 4 || asks(out2) > 0 {
		t.Errorf("after the executor got there: %+v", out2.Execute)
	}
	if s.core.moving.active() {
		t.Error("a transfer is still due")
	}
}

// TestParkedInState: R95 – what the installed state holds already is not executed on
// top of it.
func TestParkedInState(t *testing.T) {
	s := newStage(t, nil)
	for n := range consensus.Sequence(4) {
		s.core.moving.parked = append(s.core.moving.parked, consensus.Execute{Sequence: n + 1, Batch: consensus.NullBatch})
	}
	s.core.executed = 3
	var out Output
	s.core.unpark(&out)
	if len(out.Execute) != 1 || out.Execute[0].Sequence != 4 || len(s.core.moving.parked) > 0 {
		t.Errorf("above a state at 3, of four parked batches: %+v", out.Execute)
	}
}

// TestBehindWithoutNeed: R54 – a state that is older than this one starts nothing.
func TestBehindWithoutNeed(t *testing.T) {
	s := newStage(t, nil)
	for n := range consensus.Sequence(3) {
		s.execute(n + 1)
		s.step(s.execution(n + 1))
	}
	s.behind(3)
	if s.core.moving.active() {
		t.Error("a transfer to where this replica stands")
	}
}

// TestFlushWaits: R125 – a window is flushed only when the log covers what it rests
// on, also what an earlier batch of it rests on.
func TestFlushWaits(t *testing.T) {
	s := newStage(t, nil)
	s.effects(func(e *consensus.Effects) {
		p := e.Append(1, nil)
		e.Execute = append(e.Execute, consensus.Execute{Sequence: 1, Batch: consensus.NullBatch, After: p},
			consensus.Execute{Sequence: 2, Batch: consensus.NullBatch})
	})
	s.step(s.execution(1))
	x := s.execution(2)
	x.Execution.Window = &statemachine.Window{Sequence: 2}
	if out := s.step(x); len(out.Flush) > 0 {
		t.Error("flushed before the log was durable")
	}
	if out := s.step(Persisted{Through: 1}); len(out.Flush) != 1 {
		t.Error("not flushed when the log was durable")
	}
}

// TestHaltIsFinal: R7, R51, R52.
func TestHaltIsFinal(t *testing.T) {
	s := newStage(t, nil)
	s.effects(func(e *consensus.Effects) { e.Halt = append(e.Halt, consensus.Halt{Cause: consensus.CauseFaults}) })
	heard := len(s.engine.heard)
	s.engine.room = 1
	for _, in := range []Input{Tick{Now: s.now.Add(time.Hour)}, Persisted{Through: 9}, Admitted{Request: verified(RequestMessage{s.request(0, 1, "a")})}} {
		out := s.step(in)
		if len(out.Send)+len(out.Reply)+len(out.Persist)+len(out.Execute) > 0 || len(s.engine.heard) != heard {
			t.Errorf("%T after a halt: %+v", in, out)
		}
	}
}

// TestFromOutside: R4, R107 – a sender outside the membership, or this replica itself,
// reaches nothing.
func TestFromOutside(t *testing.T) {
	s := newStage(t, nil)
	heard := len(s.engine.heard)
	for _, from := range []consensus.ReplicaID{1, 4, 5, 1 << 31, consensus.Everyone} {
		for _, m := range []consensus.Message{
			FetchBatchMessage{},
			FetchRequestsMessage{},
			BatchMessage{Batch: consensus.NullBatch},
			RequestsMessage{},
			RequestMessage{},
			wire.SignedSnapshot{},
			question(t, s, 8),
		} {
			if out := s.receive(from, m); len(out.Send)+len(out.Serve) > 0 || len(s.engine.heard) != heard {
				t.Errorf("%T of replica %d had an effect", m, from)
			}
		}
	}
}

// TestOutbox: R78 – nothing leaves before what it rests on is durable; equal standing
// keeps its order; the frontier never falls.
func TestOutbox(t *testing.T) {
	var b outbox
	var out Output
	for i, after := range []consensus.Position{0, 3, 1, 2, 2, 3} {
		b.add(held{after: after, send: &consensus.Outbound{To: consensus.ReplicaID(i)}}, &out)
	}
	for _, s := range []struct {
		through consensus.Position
		want    []consensus.ReplicaID
	}{{0, []consensus.ReplicaID{0}}, {1, []consensus.ReplicaID{2}}, {2, []consensus.ReplicaID{3, 4}}, {1, nil}, {5, []consensus.ReplicaID{1, 5}}, {6, nil}} {
		b.persisted(s.through, &out)
		if len(out.Send) != len(s.want) {
			t.Fatalf("through %d: %v left", s.through, out.Send)
		}
		for i := range s.want {
			if out.Send[i].To != s.want[i] {
				t.Errorf("through %d: %v left", s.through, out.Send)
			}
		}
		out.Reset()
	}
	if len(b.items) > 0 || b.through != 6 {
		t.Errorf("%d items are left", len(b.items))
	}
}

// TestProposes: the primary proposes at once, as long as its engine has room.
func TestProposes(t *testing.T) {
	s := newStage(t, func(p *consensus.Parameters) { p.BatchRequestsMax = 2 })
	for i := range 5 {
		s.admit(s.request(0, consensus.Timestamp(i+1), "a"))
	}
	s.engine.room = 2
	s.after(time.Millisecond)
	if n := count[consensus.Submitted](s.engine); n != 2 {
		t.Errorf("%d batches were proposed", n)
	}
	s.engine.room = 5
	s.after(time.Millisecond)
	if n := count[consensus.Submitted](s.engine); n != 3 {
		t.Errorf("%d batches were proposed for 5 requests of which 2 fit into one", n)
	}
	var seen []crypto.Digest
	for _, ev := range s.engine.heard {
		if b, ok := ev.(consensus.Submitted); ok {
			seen = append(seen, b.Batch.Content.Requests...)
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d requests stand in proposals", len(seen))
	}
}

// TestShareAfterTransfer: R30, R101 – a client's share of the pool follows the table of
// clients that came with a state, and not only that of executed batches.
func TestShareAfterTransfer(t *testing.T) {
	s := newStage(t, nil)
	s.core.pool.limits.ClientBytesMin = 0
	before := s.core.pool.share()
	s.step(Stored{Marker: statemachine.Marker{Version: statemachine.VersionAt(8, 0)}, Enrolled: 12})
	if got := s.core.pool.share(); got != before/4 {
		t.Errorf("with 12 clients in place of 3 the share of one is %d of %d bytes", got, before)
	}
	s.step(Stored{})
	if got := s.core.pool.share(); got != before/4 {
		t.Errorf("a write that set no marker changed the share to %d", got)
	}
}
