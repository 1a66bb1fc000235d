package core

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
)

func requestsIn(out Output) (n int) {
	for _, o := range out.Send {
		if wire.Type(o.Frame) == consensus.TypeRequest {
			n++
		}
	}
	return n
}

// TestForwardAndDepose: R30 – a request is passed on at half its time, again and
// again since a frame may be lost or the primary's pool full, and deposes the primary
// at the end, if execution would still take it.
func TestForwardAndDepose(t *testing.T) {
	s := newStage(t, nil)
	r := s.request(0, 1, "a")
	s.admit(r)
	if out := s.after(400 * time.Millisecond); len(out.Send)+len(out.Recheck) > 0 {
		t.Fatalf("before half its time: %+v", out)
	}
	forwards := 0
	for range 24 {
		out := s.after(20 * time.Millisecond)
		forwards += requestsIn(out)
		for _, o := range out.Send {
			if o.To != 0 || o.Class != consensus.ClassClient {
				t.Fatalf("passed on to %d in class %d", o.To, o.Class)
			}
		}
		if len(out.Recheck) != requestsIn(out) {
			t.Fatal("what is passed on is not looked at again (R31)")
		}
		if len(out.Recheck) > 0 {
			s.step(Rechecked{Fresh: []crypto.Digest{r.Digest()}})
		}
	}
	if forwards < 2 || forwards > 5 {
		t.Errorf("passed on %d times in the second half of its time", forwards)
	}
	if count[consensus.Overdue](s.engine) > 0 {
		t.Error("overdue before its time")
	}
	if s.after(200 * time.Millisecond); count[consensus.Overdue](s.engine) != 1 {
		t.Error("not overdue after its time")
	}
}

// TestDeposesNobody: R31, R75 – what nobody may be deposed for.
func TestDeposesNobody(t *testing.T) {
	fresh := func(s *stage, out Output) {
		for _, r := range out.Recheck {
			s.step(Rechecked{Fresh: []crypto.Digest{r.Digest()}})
		}
	}
	cases := map[string]struct {
		before func(*stage, *consensus.Request)
		tick   func(*stage, Output)
	}{
		"nothing waits": {func(*stage, *consensus.Request) {}, fresh},
		"stale when looked at again": {
			func(s *stage, r *consensus.Request) { s.admit(r) },
			func(s *stage, out Output) {
				for _, r := range out.Recheck {
					s.step(Rechecked{Stale: []crypto.Digest{r.Digest()}})
				}
			},
		},
		"never confirmed": {func(s *stage, r *consensus.Request) { s.admit(r) }, func(*stage, Output) {}},
		"executed": {func(s *stage, r *consensus.Request) {
			s.admit(r)
			s.core.moving.afters = []consensus.Position{0}
			s.step(s.execution(1, r))
			s.admit(r)
		}, fresh},
		"another one under its timestamp was executed (R25)": {func(s *stage, r *consensus.Request) {
			s.admit(r)
			s.core.moving.afters = []consensus.Position{0}
			s.step(s.execution(1, s.request(0, r.Timestamp, "another")))
		}, fresh},
		"this replica is the primary": {func(s *stage, r *consensus.Request) {
			s.engine.status.Primary = 1
			s.admit(r)
		}, fresh},
		"a view change is under way": {func(s *stage, r *consensus.Request) {
			s.engine.status.ChangingTo = 1
			s.admit(r)
		}, fresh},
		"state transfer is under way: what waits may be executed long ago": {func(s *stage, r *consensus.Request) {
			s.admit(r)
			s.effects(func(e *consensus.Effects) { e.Behind = append(e.Behind, consensus.Checkpoint{Sequence: 8}) })
		}, fresh},
	}
	for name, c := range cases {
		s := newStage(t, nil)
		c.before(s, s.request(0, 1, "a"))
		for range 200 {
			c.tick(s, s.after(50*time.Millisecond))
		}
		if n := count[consensus.Overdue](s.engine); n > 0 {
			t.Errorf("%s: overdue %d times", name, n)
		}
	}
}

// TestPatienceGrows: R30 – under load the limit grows with the measured delay, to a
// bound that a client cannot move.
func TestPatienceGrows(t *testing.T) {
	s := newStage(t, nil)
	if p := s.core.patience(); p != time.Second {
		t.Errorf("patience without load is %v", p)
	}
	for i := range 500 {
		r := s.request(0, consensus.Timestamp(i+1), "a")
		s.admit(r)
		s.now = s.now.Add(time.Minute)
		s.core.pool.now = s.now
		s.core.pool.executed(leafOf(r), true)
	}
	if p := s.core.patience(); p != 8*time.Second {
		t.Errorf("patience under any load is %v", p)
	}
}

// TestManyWait: R101 – one tick passes on a bounded number, and the others later.
func TestManyWait(t *testing.T) {
	s := newStage(t, nil)
	for i := range 600 {
		s.admit(s.request(i%3, consensus.Timestamp(i+1), "a"))
	}
	seen := 0
	for range 4 {
		n := requestsIn(s.after(510 * time.Millisecond / 4))
		if seen += n; n > recheckCountMax {
			t.Errorf("%d in one tick", n)
		}
	}
	for range 2 {
		seen += requestsIn(s.after(time.Millisecond))
	}
	if seen != 600 {
		t.Errorf("%d of 600 were passed on", seen)
	}
}

// TestRefusedWhenFull: R33 – over the quota the client is told so.
func TestRefusedWhenFull(t *testing.T) {
	s := newStage(t, func(p *consensus.Parameters) { p.SessionWindow = 2 })
	for i := range 3 {
		out := s.admit(s.request(0, consensus.Timestamp(i+1), "a"))
		if got := len(out.Refuse); got != i/2 || got > 0 && out.Refuse[0].Reason != wire.RefusedOverloaded {
			t.Errorf("request %d: %+v", i, out.Refuse)
		}
	}
}
