package session

import (
	"math"
	"slices"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/simsig"
	"github.com/varangian-bft/varangian/internal/wire"
)

// R28: f replicas that lie alike, one replica that says it twice, and one honest
// replica give no result; f+1 honest ones do, whatever the others say.
func TestWeakQuorum(t *testing.T) {
	r := newRig(t.Fatalf, 7, nil) // f = 2
	r.submit(1)
	r.agree(r.last(1))
	q := r.last(2)
	lie := executed(q, math.MaxUint64, consensus.Result{Class: consensus.ResultOK, Value: []byte("lie")})
	for range 3 {
		r.say(5, lie)
		r.say(6, lie)
		r.say(0, executed(q, 9))
	}
	r.say(1, executed(q, 10)) // another sequence is another leaf
	r.say(1, executed(q, 9))
	r.waits(1)
	r.say(2, executed(q, 9))
	c := r.ended(1, Executed, OutcomeYes)
	if string(c.Result.Value) != "did 1" || c.Proof.Leaf.Sequence != 9 || len(c.Proof.Roots) != 3 {
		t.Errorf("%+v", c)
	}
	if err := (consensus.Receipt{Leaf: c.Proof.Leaf, Roots: c.Proof.Roots}).Verify(r.group, r.s.cfg.Scheme); err != nil {
		t.Error(err)
	}
}

// R29, R14: what does not answer this very request, or does not stand under the
// root, does not count, and its sender is reported.
func TestFalseReplies(t *testing.T) {
	other := func(r *rig, q *consensus.Request) *consensus.Request {
		return consensus.SignRequest(consensus.Request{
			Kind: q.Kind, Session: q.Session, Timestamp: q.Timestamp, Operations: [][]byte{[]byte("other")},
		}, r.group.Domain(), r.s.cfg.Signer)
	}
	for name, c := range map[string]struct {
		lie     func(r *rig, q *consensus.Request) []byte
		garbage bool
	}{
		"honest": {func(r *rig, q *consensus.Request) []byte { return r.reply(1, executed(q, 9)).Marshal() }, false},
		"another request": {func(r *rig, q *consensus.Request) []byte {
			return r.reply(1, executed(other(r, q), 9)).Marshal()
		}, false},
		"another client": {func(r *rig, q *consensus.Request) []byte {
			e := executed(q, 9)
			e.leaf.Client[0]++
			return r.reply(1, e).Marshal()
		}, true},
		"another session": {func(r *rig, q *consensus.Request) []byte {
			e := executed(q, 9)
			e.leaf.Session++
			return r.reply(1, e).Marshal()
		}, true},
		"another timestamp": {func(r *rig, q *consensus.Request) []byte {
			e := executed(q, 9)
			e.leaf.Timestamp = math.MaxUint64
			return r.reply(1, e).Marshal()
		}, true},
		"another root": {func(r *rig, q *consensus.Request) []byte {
			m := r.reply(1, executed(q, 9))
			m.Root[0]++
			return m.Marshal()
		}, true},
		"another place": {func(r *rig, q *consensus.Request) []byte {
			m := r.reply(1, executed(q, 9))
			m.Entries[0].Path.Index--
			return m.Marshal()
		}, true},
		"other results": {func(r *rig, q *consensus.Request) []byte {
			m := r.reply(1, executed(q, 9))
			m.Entries[0].Results = consensus.MarshalResults([]consensus.Result{{Class: consensus.ResultOK}})
			return m.Marshal()
		}, true},
		"cut": {func(r *rig, q *consensus.Request) []byte {
			b := r.reply(1, executed(q, 9)).Marshal()
			return b[:len(b)-1]
		}, true},
		"another type": {func(*rig, *consensus.Request) []byte { return []byte{7} }, true},
		"nothing":      {func(*rig, *consensus.Request) []byte { return nil }, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := opened(t, nil)
			r.submit(2)
			q := r.last(3)
			r.say(0, executed(q, 9))
			r.step(Received{1, c.lie(r, q)})
			if got := slices.Equal(r.out.Garbage, []consensus.ReplicaID{1}); got != c.garbage {
				t.Errorf("garbage of %v", r.out.Garbage)
			}
			if name == "honest" {
				r.ended(2, Executed, OutcomeYes)
				return
			}
			r.waits(2)
			r.say(1, executed(q, 9)) // what it said first does not count against it
			r.ended(2, Executed, OutcomeYes)
		})
	}
}

// R4: a sender outside the membership reaches no table.
func TestForeignSender(t *testing.T) {
	r := opened(t, nil)
	r.submit(2)
	frame := r.reply(0, executed(r.last(3), 9)).Marshal()
	for _, id := range []consensus.ReplicaID{4, 64, consensus.Everyone} {
		r.step(Received{id, frame})
		r.step(Connected{id})
	}
	r.waits(2)
}

// R28: with a receipt asked for, a reply whose signature does not hold counts for
// nothing, and the next one of its sender does.
func TestReceipt(t *testing.T) {
	r := opened(t, nil)
	r.step(Submitted{[]Operation{{ID: 2, Kind: consensus.KindOperations, Bytes: []byte("x"), Receipt: true}}})
	q := r.last(3)
	forged := r.reply(0, executed(q, 9))
	forged.Signature[0]++
	r.step(Received{0, forged.Marshal()})
	r.say(1, executed(q, 9))
	if !slices.Equal(r.out.Garbage, []consensus.ReplicaID{0}) {
		t.Errorf("garbage of %v", r.out.Garbage)
	}
	r.waits(2)
	r.pass(r.s.cfg.RetryMin)
	if len(r.sent) != 3 || r.sent[0].To != 0 {
		t.Errorf("sent again: %v", r.sent)
	}
	r.say(0, executed(q, 9))
	c := r.ended(2, Executed, OutcomeYes)
	if err := (consensus.Receipt{Leaf: c.Proof.Leaf, Roots: c.Proof.Roots}).Verify(r.group, r.s.cfg.Scheme); err != nil {
		t.Error(err)
	}
}

// A root that many requests stand under is checked once.
func TestReceiptChecksOnce(t *testing.T) {
	counting := &countingScheme{Scheme: simsig.New()}
	r := newRig(t.Fatalf, 4, func(c *Config) { counting.Scheme = c.Scheme; c.Scheme = counting })
	var ops []Operation
	for id := range OperationID(24) { // three requests
		ops = append(ops, Operation{ID: 1 + id, Kind: consensus.KindOperations, Bytes: []byte{byte(id)}, Receipt: true})
	}
	r.step(Submitted{ops})
	r.agree(r.last(1))
	r.last(4)
	before := counting.checks
	for id := range consensus.ReplicaID(2) {
		r.say(id, executed(r.requests[1], 9), executed(r.requests[2], 9), executed(r.requests[3], 9))
	}
	if len(r.done) != 24 || counting.checks-before != 2 {
		t.Errorf("%d completed, %d signatures checked", len(r.done), counting.checks-before)
	}
}

type countingScheme struct {
	crypto.Scheme
	checks int
}

func (s *countingScheme) Verify(checks []crypto.Check, valid []bool) {
	s.checks += len(checks)
	s.Scheme.Verify(checks, valid)
}

// R28: results of which only the digest was kept are gone, once a quorum says so
// or waiting longer did not help.
func TestResultGone(t *testing.T) {
	bare := func(q *consensus.Request) entry {
		e := executed(q, 9)
		e.results = nil
		return e
	}
	for name, finish := range map[string]func(*rig, *consensus.Request){
		"quorum": func(r *rig, q *consensus.Request) { r.say(2, bare(q)) },
		"time":   func(r *rig, _ *consensus.Request) { r.pass(r.s.cfg.RetryMin) },
	} {
		r := opened(t, nil)
		r.submit(2)
		q := r.last(3)
		r.say(0, bare(q))
		r.say(1, bare(q))
		r.waits(2)
		finish(r, q)
		if c := r.ended(2, Gone, OutcomeYes); c.Proof.Leaf.Sequence != 9 {
			t.Errorf("%s: %+v", name, c)
		}
	}
	r := opened(t, nil) // one that has them is enough
	r.submit(2)
	q := r.last(3)
	r.say(0, bare(q))
	r.say(1, bare(q))
	r.say(2, executed(q, 9))
	r.ended(2, Executed, OutcomeYes)
}

// What an operation was refused for the sake of others is sent anew, in ever
// smaller company, and completed once.
func TestCrowded(t *testing.T) {
	r := opened(t, nil)
	r.submit(2, 3, 4, 5, 6, 7, 8, 9)
	full := consensus.Result{Class: consensus.ResultLimit, Value: []byte(consensus.LimitRequestResults)}
	good := consensus.Result{Class: consensus.ResultOK, Value: []byte("good")}
	r.agree(r.last(3), good, good, full, full, full, full, full, full)
	r.ended(3, Executed, OutcomeYes)
	r.waits(4)
	r.last(6)
	for i, q := range r.requests[3:] {
		if len(q.Operations) != 2 || string(q.Operations[0]) != []string{"4", "6", "8"}[i] {
			t.Errorf("request %d has %q", i, q.Operations)
		}
		r.agree(q, good, full)
	}
	for len(r.done) < 9 && len(r.requests) < 100 {
		q := r.requests[len(r.requests)-1]
		if len(q.Operations) != 1 {
			t.Fatalf("request with %q", q.Operations)
		}
		for _, q := range r.requests[6:] {
			r.agree(q, full)
		}
	}
	for _, id := range []OperationID{5, 7, 9} {
		if c := r.ended(id, Executed, OutcomeNever); c.Result.Class != consensus.ResultLimit {
			t.Errorf("%+v", c)
		}
	}
}

// Each class of result tells whether the operation changed anything.
func TestOutcomes(t *testing.T) {
	for class, want := range map[consensus.ResultClass]Outcome{
		consensus.ResultOK: OutcomeYes, consensus.ResultError: OutcomeNever, consensus.ResultPanic: OutcomeNever,
		consensus.ResultLimit: OutcomeNever, consensus.ResultUnauthorised: OutcomeMaybe,
	} {
		r := opened(t, nil)
		r.submit(2, 3)
		r.agree(r.last(3), consensus.Result{Class: class})
		r.ended(2, Executed, want)
		r.ended(3, Executed, want)
	}
	r := opened(t, nil)
	r.submit(2, 3)
	r.agree(r.last(3), consensus.Result{Class: consensus.ResultGone})
	r.ended(3, Gone, OutcomeYes)
}

func FuzzReceived(f *testing.F) {
	seed := newRig(f.Fatalf, 4, nil)
	seed.submit(1)
	f.Add(seed.reply(0, executed(seed.last(1), 1)).Marshal())
	f.Add(wire.Refusal{Request: seed.last(1).Digest(), Reason: wire.RefusedSession}.Marshal())
	f.Fuzz(func(t *testing.T, frame []byte) {
		r := newRig(t.Fatalf, 4, nil)
		r.submit(1)
		for range 3 {
			r.step(Received{1, frame}) // one replica alone, whatever it says
			r.pass(r.s.cfg.RetryMin)
		}
		r.waits(1)
		if len(r.requests) != 1 {
			t.Error("one replica made the session go on")
		}
	})
}
