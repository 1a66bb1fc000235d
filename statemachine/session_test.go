package statemachine_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine"
)

// R23: however often and wherever a request is ordered, it executes once, and
// every occurrence has the first one's leaf and results.
func TestExactlyOnce(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	w.execute(w.request(1, 1, 0, 0))
	r := w.request(1, 1, 1, 0, "+n", "+n")
	first := w.execute(r, r) // within a batch
	again := w.execute(w.request(1, 1, 2, 0, "+n"), r)
	w.checkpoint()
	w.restart() // R27: the table comes back with the state
	later := w.execute(r)
	answer, ok := w.machine.Answer(r)
	if !ok {
		t.Fatal("no answer from the client table")
	}
	want := first.Outcomes[0]
	for i, got := range []statemachine.Outcome{first.Outcomes[1], again.Outcomes[1], later.Outcomes[0], answer} {
		if got.Leaf != want.Leaf || !bytes.Equal(got.Results, want.Results) {
			t.Errorf("occurrence %d: %+v, want %+v", i, got, want)
		}
	}
	if want.Leaf.Sequence != first.Sequence || want.Leaf.Request != r.Digest() { // R28, R29
		t.Errorf("leaf %+v", want.Leaf)
	}
	w.want(w.query("n"), "\x00\x00\x00\x00\x00\x00\x00\x03")
}

// R25: of two requests with one timestamp the one ordered first executes.
func TestTimestampTaken(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	a, b := w.request(1, 1, 1, 0, "sxa"), w.request(1, 1, 1, 0, "sxb")
	w.execute(w.request(1, 1, 0, 0))
	x := w.execute(a, b)
	w.want(w.text(x.Outcomes[0]), "1:")
	w.want(w.text(x.Outcomes[1]), "8:")
	w.want(w.one(b), "8:")
	w.want(w.one(a), "1:")
	w.want(w.query("x"), "a")
	if got := w.machine.Fresh(b); got != statemachine.AdmissionTaken {
		t.Errorf("Fresh says %d", got)
	}
	if _, ok := w.machine.Answer(b); ok {
		t.Error("an answer for a request that was not executed")
	}
}

// R11: client, session and timestamp make a request unique, not its digest: with
// another signature, which also holds for lack of a check, it is another request
// for the same timestamp.
func TestSecondSignature(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	r := w.request(1, 1, 1, 0, "+n")
	encoding := bytes.Clone(r.Encoding())
	encoding[len(encoding)-1] ^= 1
	twin, err := consensus.DecodeRequest(encoding, w.group)
	if err != nil || twin.Value.Digest() == r.Digest() {
		t.Fatal(err)
	}
	open := w.request(1, 1, 0, 0)
	encoding = bytes.Clone(open.Encoding())
	encoding[len(encoding)-1] ^= 1
	second, err := consensus.DecodeRequest(encoding, w.group)
	if err != nil {
		t.Fatal(err)
	}
	x := w.execute(open, r, twin.Value)
	w.want(w.one(second.Value), "8:")
	w.want(w.text(x.Outcomes[2]), "8:")
	w.want(w.one(twin.Value), "8:")
	w.want(w.query("n"), "\x00\x00\x00\x00\x00\x00\x00\x01")
}

// R26: the window of a session, at its edges. R31: Fresh says the same before.
func TestSessionWindow(t *testing.T) {
	const (
		ok    = statemachine.AdmissionAcceptable
		stale = statemachine.AdmissionStale
		ahead = statemachine.AdmissionAhead
	)
	steps := []struct {
		t, done uint64
		fresh   statemachine.Admission
		want    string
	}{
		{8, 0, ok, "1:"},                               // W is 8
		{9, 0, ahead, "7:"},                            // one too far
		{math.MaxUint64, 0, ahead, "7:"},               // burns nothing
		{3, 0, ok, "1:"},                               // any order
		{9, 1, ok, "1:"},                               // done moves the window
		{1, 0, stale, "7:"},                            // abandoned
		{10, 9, ok, "1:"},                              // a gap is no obstacle
		{3, 0, stale, "7:"},                            // results at or below done are dropped
		{17, 0, ok, "1:"},                              // low is 9 although done says 0
		{18, 0, ahead, "7:"},                           //
		{math.MaxUint64, math.MaxUint64 - 1, ok, "1:"}, // no wrap-around
		{math.MaxUint64, math.MaxUint64 - 2, statemachine.AdmissionTaken, "8:"},
		{1, 0, stale, "7:"},
	}
	w := newWorld(t, script{}, parameters())
	w.execute(w.request(1, 1, 0, 0))
	for i, s := range steps {
		r := w.request(1, 1, s.t, s.done, "sa")
		if got := w.machine.Fresh(r); got != s.fresh {
			t.Errorf("step %d: Fresh says %d, want %d", i, got, s.fresh)
		}
		if got := w.one(r); got != s.want {
			t.Errorf("step %d: %q, want %q", i, got, s.want)
		}
		if i%4 == 3 {
			w.checkpoint()
			w.restart()
		}
	}
}

// R26: a request that is refused still says what its client is done with.
func TestRefusedRequestMovesWindow(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	w.execute(w.request(1, 1, 0, 0), w.request(1, 1, 1, 0, "sa"))
	w.want(w.one(w.request(1, 1, 100, 20, "sa")), "7:")
	w.want(w.one(w.request(1, 1, 28, 0, "sa")), "1:")
}

// R26: sessions are opened in ascending order, and the one that executed longest
// ago makes room.
func TestSessions(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	open := w.request(1, 5, 0, 0)
	w.want(w.one(w.request(1, 5, 1, 0, "sa")), "6:")
	w.want(w.one(open), "1:")
	w.want(w.one(w.request(1, 4, 0, 0)), "6:") // below one that was opened
	w.want(w.one(w.request(1, 6, 0, 0)), "1:")
	w.want(w.one(w.request(1, 7, 0, 0)), "1:")
	w.want(w.one(w.request(1, 5, 1, 0, "sa")), "1:")
	w.checkpoint()
	w.want(w.one(w.request(1, 8, 0, 0)), "1:") // evicts 6: M is 3
	w.want(w.one(w.request(1, 6, 1, 0, "sa")), "6:")
	w.want(w.one(w.request(1, 6, 0, 0)), "6:")
	w.want(w.one(w.request(1, 5, 2, 0, "sa")), "1:")
	x := w.execute(open)
	if x.Outcomes[0].Leaf.Sequence != 2 || w.text(x.Outcomes[0]) != "1:" { // R23: the first opening's leaf
		t.Errorf("repeated open: %+v", x.Outcomes[0])
	}
	w.want(w.one(w.request(2, 5, 1, 0, "sa")), "6:") // sessions of others are none of its
	w.checkpoint()
	before := w.machine.Chain()
	w.restart()
	if w.machine.Chain() != before {
		t.Error("another chain after the restart")
	}
	w.want(w.one(w.request(1, 6, 1, 0, "sa")), "6:")
	w.want(w.one(w.request(1, 7, 1, 0, "sa")), "1:")
}

// R26: of sessions that executed in one batch the lowest number is evicted.
func TestEvictionTie(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	w.execute(w.request(1, 1, 0, 0), w.request(1, 2, 0, 0), w.request(1, 3, 0, 0))
	w.execute(w.request(1, 4, 0, 0))
	w.want(w.one(w.request(1, 1, 1, 0, "sa")), "6:")
	w.want(w.one(w.request(1, 3, 1, 0, "sa")), "1:")
}

// R26: a process that starts 1,000 times with one key is never locked out, and
// leaves no more than M sessions behind.
func TestManySessions(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	for n := range uint64(1000) {
		x := w.execute(w.request(1, n+1, 0, 0), w.request(1, n+1, 1, 0, "+n"))
		w.want(w.text(x.Outcomes[0]), "1:")
		w.flushAll()
	}
	w.checkpoint()
	count := 0
	m, _ := w.store.Marker()
	if err := w.store.Scan([]byte{0, 's'}, []byte{0, 't'}, m.Version, func(_, _ []byte) bool { count++; return true }); err != nil {
		t.Fatal(err)
	}
	if count != 3 {
		t.Errorf("%d sessions stored, want 3", count)
	}
	w.restart()
	w.want(w.one(w.request(1, 999, 2, 0, "sa")), "1:")
}

// R28: over the budget of a session only digests survive, the lowest timestamps
// first; the request does not execute again.
func TestSessionBytes(t *testing.T) {
	p := parameters()
	p.SessionBytesMax = 250
	w := newWorld(t, script{}, p)
	w.execute(w.request(1, 1, 0, 0))
	rs := []*consensus.Request{
		w.request(1, 1, 1, 0, "b"+u32(100)), w.request(1, 1, 2, 0, "b"+u32(100)),
		w.request(1, 1, 3, 0, "b"+u32(100)), w.request(1, 1, 4, 0, "b"+u32(300)),
	}
	first := w.execute(rs...)
	for _, restarted := range []bool{false, true} {
		if restarted {
			w.checkpoint()
			w.restart()
		}
		for i, gone := range []bool{true, false, false, true} {
			o, ok := w.machine.Answer(rs[i])
			if !ok || o.Leaf != first.Outcomes[i].Leaf || (o.Results == nil) != gone {
				t.Errorf("request %d, restarted %v: executed %v, results %d bytes", i, restarted, ok, len(o.Results))
			}
		}
	}
	if o := w.execute(rs[0]).Outcomes[0]; o.Leaf != first.Outcomes[0].Leaf || o.Results != nil {
		t.Error("a repeated request has other results than the table")
	}
	if strings.Contains(w.text(first.Outcomes[3]), "gone") {
		t.Error("the first execution gave no results")
	}
	late := []*consensus.Request{
		w.request(1, 1, 8, 4, "b"+u32(100)), w.request(1, 1, 7, 4, "b"+u32(100)), w.request(1, 1, 6, 4, "b"+u32(100)),
	}
	w.execute(late...)
	for i, gone := range []bool{false, true, false} { // the newest stays, although its timestamp is the lowest
		if o, ok := w.machine.Answer(late[i]); !ok || (o.Results == nil) != gone {
			t.Errorf("out of order, request %d: executed %v, results %d bytes", i, ok, len(o.Results))
		}
	}
}

// R31, R26: what Fresh says of sessions and clients.
func TestFresh(t *testing.T) {
	w := newWorld(t, script{}, parameters())
	open := w.request(1, 1, 0, 0)
	check := func(r *consensus.Request, want statemachine.Admission) {
		t.Helper()
		if got := w.machine.Fresh(r); got != want {
			t.Errorf("Fresh says %d, want %d", got, want)
		}
	}
	check(open, statemachine.AdmissionAcceptable)
	check(w.request(1, 1, 1, 0, "sa"), statemachine.AdmissionNoSession)
	check(w.request(9, 1, 0, 0), statemachine.AdmissionUnauthorised)
	w.execute(open, w.request(0, 1, 0, 0))
	check(open, statemachine.AdmissionRepeated)
	check(w.admin(1, 1, 1, statemachine.RemoveOperation(w.id(2))), statemachine.AdmissionUnauthorised)
	check(w.admin(0, 1, 1, statemachine.RemoveOperation(w.id(2))), statemachine.AdmissionAcceptable)
}
