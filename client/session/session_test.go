package session

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
)

// R26: an ordered open comes first; timestamps count from 1, and done follows
// what is completed.
func TestNumbering(t *testing.T) {
	r := newRig(t.Fatalf, 4, nil)
	r.submit(1)
	if q := r.last(1); q.Kind != consensus.KindOpenSession || q.Session != 100 || q.Timestamp != 0 {
		t.Fatalf("%+v", q)
	}
	r.say(0, executed(r.last(1), 1))
	r.last(1) // one replica opens nothing
	r.say(1, executed(r.last(1), 1))
	r.submit(2)
	r.submit(3)
	for i, q := range r.requests[1:] {
		if q.Session != 100 || q.Timestamp != consensus.Timestamp(i+1) || q.Done != 0 {
			t.Errorf("%+v", q)
		}
	}
	r.agree(r.requests[2])
	r.submit(4)
	if q := r.last(5); q.Done != 0 {
		t.Errorf("done is %d while 1 is open", q.Done)
	}
	r.agree(r.requests[1])
	r.submit(5)
	if q := r.last(6); q.Timestamp != 5 || q.Done != 2 {
		t.Errorf("timestamp %d, done %d", q.Timestamp, q.Done)
	}
}

// R26: no timestamp is used that the replicas would refuse as too far ahead.
func TestWindow(t *testing.T) {
	r := opened(t, func(c *Config) { c.RequestsMax = 100 })
	for id := OperationID(2); id < 40; id++ {
		r.submit(id)
	}
	q := r.last(2 + 16)
	if q.Timestamp != 17 || q.Done != 1 {
		t.Errorf("timestamp %d, done %d", q.Timestamp, q.Done)
	}
	r.agree(r.requests[2])
	if q := r.last(2 + 17); q.Timestamp != 18 || q.Done != 2 {
		t.Errorf("timestamp %d, done %d", q.Timestamp, q.Done)
	}
}

// The first operation leaves at once; under load operations share requests, of
// one kind each, within the limits of the group.
func TestPacking(t *testing.T) {
	r := opened(t, nil)
	r.submit(2)
	r.submit(3)
	r.submit(4)
	r.submit(5)
	r.last(6) // four in flight
	for id := OperationID(6); id < 30; id++ {
		r.submit(id)
	}
	r.last(6)
	for i := 2; i < 6; i++ {
		r.agree(r.requests[i])
	}
	for i, q := range r.requests[6:] {
		if len(q.Operations) != 8 {
			t.Errorf("request %d has %d operations", i, len(q.Operations))
		}
	}
	r.last(9)
	r.submit(30) // less than a fair share of 24 operations
	r.submit(31, 32, 33, 34)
	r.last(9)
	r.submit(35)
	if q := r.last(10); len(q.Operations) != 6 {
		t.Errorf("%d operations", len(q.Operations))
	}

	r = opened(t, nil)
	r.step(Submitted{[]Operation{
		{ID: 2, Kind: consensus.KindOperations, Bytes: make([]byte, 200<<10)},
		{ID: 3, Kind: consensus.KindOperations, Bytes: make([]byte, 56<<10)},
		{ID: 4, Kind: consensus.KindAdmin, Bytes: []byte("a")},
		{ID: 5, Kind: consensus.KindOperations, Bytes: []byte("o")},
	}})
	kinds := []consensus.RequestKind{1, 1, 3, 1}
	for i, q := range r.requests[2:] {
		if q.Kind != kinds[i] || len(q.Operations) != 1 {
			t.Errorf("request %d: kind %d, %d operations", i, q.Kind, len(q.Operations))
		}
	}
	r.last(6)
}

// R111: an operation is as large as a request of the group may be, and no larger.
func TestOversized(t *testing.T) {
	r := opened(t, nil)
	most := int(r.group.Genesis.Parameters.RequestBytesMax) - requestOverhead - operationOverhead
	r.step(Submitted{[]Operation{
		{ID: 2, Kind: consensus.KindOperations, Bytes: make([]byte, most+1)},
		{ID: 3, Kind: consensus.KindOperations, Bytes: make([]byte, most)},
	}})
	r.ended(2, Oversized, OutcomeNever)
	if q := r.last(3); len(q.Encoding()) != int(r.group.Genesis.Parameters.RequestBytesMax) {
		t.Errorf("%d bytes", len(q.Encoding()))
	}
}

// What waits is bounded, with an answer at the bound.
func TestFull(t *testing.T) {
	r := opened(t, func(c *Config) { c.WaitingMax = 3 })
	r.submit(2, 3, 4, 5)
	r.ended(5, Full, OutcomeNever)
	r.agree(r.last(3))
	r.submit(6)
	r.waits(6)
}

// R26: a machine whose clock says 1970 gets above what a clock that was right gave.
func TestClockOfZero(t *testing.T) {
	s := &Session{nextNumber: 1, numbers: &numbering{}}
	var out Effects
	right := consensus.SessionNumber(time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	for s.nextNumber <= right {
		before := s.nextNumber
		if s.raise(&request{}, &out); s.nextNumber == before {
			t.Fatalf("gives up at %d, %v after 1970", before, time.Duration(before))
		}
	}
}

// R26: if the key has opened a higher session before, a higher number is tried.
func TestRaise(t *testing.T) {
	r := newRig(t.Fatalf, 4, nil)
	r.submit(1)
	for n := 1; n < 30; n++ {
		former := r.last(n)
		r.agree(former, consensus.Result{Class: consensus.ResultNoSession})
		if q := r.last(n + 1); q.Kind != consensus.KindOpenSession || q.Session <= former.Session {
			t.Fatalf("%+v after %+v", q, former)
		}
	}
	if r.last(30).Session < 1<<48 {
		t.Errorf("only session %d after 30 tries", r.last(30).Session)
	}
	r.agree(r.last(30))
	r.agree(r.last(31))
	r.ended(1, Executed, OutcomeYes)

	r = newRig(t.Fatalf, 4, func(c *Config) { c.Number = math.MaxUint64 - 1 }) // nothing wraps around
	r.submit(1)
	r.agree(r.last(1), consensus.Result{Class: consensus.ResultNoSession})
	r.last(1)
	r.ended(1, Refused, OutcomeNever)
}

// R34: a client that is not enrolled learns so, and its operations never left.
func TestUnauthorised(t *testing.T) {
	r := newRig(t.Fatalf, 4, nil)
	r.submit(1, 2)
	r.agree(r.last(1), consensus.Result{Class: consensus.ResultUnauthorised})
	r.ended(1, Refused, OutcomeNever)
	r.ended(2, Refused, OutcomeNever)
	r.submit(3) // and is asked anew
	r.waits(3)
}

// R26: an evicted session is replaced by a higher one. What was under way in it
// may have been executed before the eviction, and is not sent again.
func TestEvicted(t *testing.T) {
	for _, class := range []consensus.ResultClass{consensus.ResultNoSession, consensus.ResultOutOfWindow} {
		r := opened(t, nil)
		r.submit(2)
		r.submit(3)
		r.agree(r.requests[2], consensus.Result{Class: class})
		r.ended(2, Forgotten, OutcomeMaybe)
		r.waits(3) // has an answer of its own
		r.submit(4)
		if q := r.last(5); q.Kind != consensus.KindOpenSession || q.Session <= 100 {
			t.Fatalf("%+v", q)
		}
		r.agree(r.last(5))
		if q := r.last(6); q.Session != r.requests[4].Session || q.Timestamp != 1 || q.Done != 0 {
			t.Errorf("%+v", q)
		}
		r.agree(r.requests[3])
		r.ended(3, Executed, OutcomeYes)
		r.agree(r.last(6))
		r.ended(4, Executed, OutcomeYes)
	}
}

// R25: under a timestamp that another request took, ours is never executed: it is
// sent again in a session of its own.
func TestTaken(t *testing.T) {
	r := opened(t, nil)
	r.submit(2, 3)
	r.agree(r.last(3), consensus.Result{Class: consensus.ResultTaken})
	r.waits(2)
	r.agree(r.last(4))
	q := r.last(5)
	if q.Session <= 100 || q.Timestamp != 1 || len(q.Operations) != 2 {
		t.Errorf("%+v", q)
	}
	r.agree(q)
	r.ended(2, Executed, OutcomeYes)
}

// R28: refusals count by f+1 replicas that give one reason; one that may come
// from a replica that lags is asked for twice.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		reason  wire.RefusalReason
		fate    Fate
		outcome Outcome
		rounds  int
	}{
		{wire.RefusedInvalid, Refused, OutcomeNever, 1},
		{wire.RefusedUnauthorised, Refused, OutcomeMaybe, 2},
		{wire.RefusedSession, Forgotten, OutcomeMaybe, 2},
		{wire.RefusedWindow, Forgotten, OutcomeMaybe, 2},
	} {
		r := opened(t, nil)
		r.submit(2)
		q := r.last(3)
		for round := range c.rounds {
			r.refuse(0, q, c.reason)
			r.refuse(0, q, c.reason)
			r.refuse(1, q, wire.RefusedOverloaded)
			r.waits(2)
			r.refuse(2, q, c.reason)
			if round+1 < c.rounds {
				r.waits(2)
				r.pass(r.s.cfg.RetryMin)
			}
		}
		if got := r.ended(2, c.fate, c.outcome); got.Reason != c.reason || got.Heard.Refused != 0b111 {
			t.Errorf("%+v", got)
		}
		r.submit(3)
		opens := r.last(4).Kind == consensus.KindOpenSession
		if want := c.fate == Forgotten; opens != want {
			t.Errorf("reason %d: opens a session: %v", c.reason, opens)
		}
	}
}

// Overload is waited out until the deadline, and then named.
func TestOverloaded(t *testing.T) {
	r := opened(t, nil)
	r.step(Submitted{[]Operation{{ID: 2, Kind: consensus.KindOperations, Bytes: []byte("x"), Deadline: r.now.Add(10 * time.Second)}}})
	q := r.last(3)
	for range 3 {
		for id := range consensus.ReplicaID(4) {
			r.refuse(id, q, wire.RefusedOverloaded)
		}
		r.pass(2 * time.Second)
	}
	r.waits(2)
	r.pass(4 * time.Second)
	if c := r.ended(2, Expired, OutcomeMaybe); c.Reason != wire.RefusedOverloaded {
		t.Errorf("%+v", c)
	}
	// A result counts although others refuse.
	r.submit(3)
	q = r.last(4)
	r.refuse(2, q, wire.RefusedOverloaded)
	r.refuse(3, q, wire.RefusedOverloaded)
	r.say(0, executed(q, 9))
	r.refuse(0, q, wire.RefusedOverloaded)
	r.say(1, executed(q, 9))
	r.ended(3, Executed, OutcomeYes)
}

// R30: a request goes to every replica at first, and then, ever less often, to
// those that have not answered.
func TestRetry(t *testing.T) {
	r := opened(t, func(c *Config) { c.RetryMin, c.RetryMax = time.Second, 4*time.Second })
	r.submit(2)
	if len(r.sent) != 1 || r.sent[0].To != consensus.Everyone {
		t.Fatalf("%v", r.sent)
	}
	r.say(2, executed(r.last(3), 9))
	var at []time.Duration
	begin := r.now
	for range 15 {
		if next := r.s.Next(); next.Before(r.now) {
			t.Fatalf("next tick at %v, it is %v", next, r.now)
		}
		r.pass(time.Second)
		if len(r.sent) == 0 {
			continue
		}
		var to []consensus.ReplicaID
		for _, o := range r.sent {
			to = append(to, o.To)
		}
		if !slices.Equal(to, []consensus.ReplicaID{0, 1, 3}) {
			t.Errorf("sent to %v", to)
		}
		at = append(at, r.now.Sub(begin))
	}
	if !slices.Equal(at, []time.Duration{time.Second, 3 * time.Second, 7 * time.Second, 11 * time.Second, 15 * time.Second}) {
		t.Errorf("at %v", at)
	}
	r.step(Connected{2})
	if len(r.sent) != 0 {
		t.Errorf("sent %v to one that has answered", r.sent)
	}
	r.step(Connected{3})
	if len(r.sent) != 1 || r.sent[0].To != 3 {
		t.Errorf("sent %v", r.sent)
	}
	r.last(3) // the same bytes each time
}

// R28: a request that was ordered twice, and not done for another reason each time,
// can get answers that never agree. Whoever gave them is asked anew, and what it
// says then replaces them.
func TestScatteredAnswers(t *testing.T) {
	r := opened(t, func(c *Config) { c.RetryMin, c.RetryMax = time.Second, time.Second })
	r.submit(2)
	q := r.last(3)
	r.say(0, executed(q, 9, consensus.Result{Class: consensus.ResultUnauthorised}))
	r.say(1, executed(q, 11, consensus.Result{Class: consensus.ResultNoSession}))
	r.refuse(0, q, wire.RefusedSession) // it answered, so this is an old word
	for range scatteredAfter {
		if len(r.sent) > 2 {
			t.Fatalf("sent %v before it was time", r.sent)
		}
		r.pass(time.Second)
	}
	if len(r.sent) != 4 {
		t.Fatalf("sent %v, want it to be sent to all four", r.sent)
	}
	r.refuse(0, q, wire.RefusedSession)
	r.waits(2)
	r.refuse(1, q, wire.RefusedSession)
	r.ended(2, Forgotten, OutcomeMaybe)
}

// A deadline ends an operation, and says whether it can have been executed; its
// timestamp blocks nobody (R26).
func TestDeadlines(t *testing.T) {
	r := opened(t, func(c *Config) { c.RequestsMax = 1 })
	op := func(id OperationID, after time.Duration) Operation {
		return Operation{ID: id, Kind: consensus.KindOperations, Bytes: []byte{byte(id)}, Deadline: r.now.Add(after)}
	}
	r.step(Submitted{[]Operation{op(2, time.Second)}})
	r.step(Submitted{[]Operation{op(3, 3*time.Second), op(4, time.Second)}})
	r.pass(time.Second - 1)
	r.waits(2)
	r.pass(1)
	r.ended(2, Expired, OutcomeMaybe)
	r.ended(4, Expired, OutcomeNever)
	q := r.last(4)
	if len(q.Operations) != 1 || q.Timestamp != 3 || q.Done != 2 {
		t.Errorf("%+v", q)
	}
	r.say(0, executed(r.requests[2], 9)) // nobody waits for it any more
	r.say(1, executed(r.requests[2], 9))
	r.pass(2 * time.Second)
	r.ended(3, Expired, OutcomeMaybe)
	if !r.s.Idle() || !r.s.Next().IsZero() {
		t.Errorf("not idle: %v", r.s.Next())
	}
}

func TestCancelled(t *testing.T) {
	r := opened(t, func(c *Config) { c.RequestsMax = 1 })
	r.submit(2, 3)
	r.submit(4, 5)
	r.step(Cancelled{Operations: []OperationID{3, 5, 77}})
	r.ended(3, Withdrawn, OutcomeMaybe)
	r.ended(5, Withdrawn, OutcomeNever)
	r.agree(r.last(3))
	r.ended(2, Executed, OutcomeYes)
	r.step(Cancelled{All: true})
	r.ended(4, Withdrawn, OutcomeMaybe)
	if !r.s.Idle() {
		t.Error("not idle")
	}
}
