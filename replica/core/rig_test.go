package core

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

// A scripted engine says what a test wants it to say, and notes what it hears.
type scripted struct {
	status  consensus.Status
	room    int
	batches []*consensus.Batch
	heard   []consensus.Event
	answer  func(consensus.Event, *consensus.Effects)
}

func (s *scripted) Replay(consensus.Record) error { return nil }
func (s *scripted) Room() int                     { return s.room }
func (s *scripted) Status() consensus.Status      { return s.status }

func (s *scripted) Step(ev consensus.Event, out *consensus.Effects) {
	s.heard = append(s.heard, ev)
	if _, ok := ev.(consensus.Submitted); ok {
		s.room--
	}
	if s.answer != nil {
		s.answer(ev, out)
	}
}

func (s *scripted) Batch(d crypto.Digest) (*consensus.Batch, bool) {
	for _, b := range s.batches {
		if b.Digest == d {
			return b, true
		}
	}
	return nil, false
}

// count returns how many events of a kind the engine heard.
func count[E consensus.Event](s *scripted) (n int) {
	for _, ev := range s.heard {
		if _, ok := ev.(E); ok {
			n++
		}
	}
	return n
}

// A stage is a started core around a scripted engine; self is replica 1.
type stage struct {
	*rig
	t      testing.TB
	engine *scripted
	core   *Core
	now    time.Time
}

func newStage(t testing.TB, change func(*consensus.Parameters)) *stage {
	t.Helper()
	s := &stage{rig: newRig(t, 4, change), t: t, engine: &scripted{}, now: start}
	s.engine.status = consensus.Status{High: 16, Timeout: time.Second}
	s.core = New(Config{
		Group: s.group, Self: 1, Signer: s.replicas[1], Engine: s.engine, Pool: DefaultPoolLimits(s.group.Genesis.Parameters),
	})
	var out Output
	s.core.Start(Durable{Marker: statemachine.Marker{Version: statemachine.VersionAt(0, 1)}, Enrolled: 3}, s.now, &out)
	return s
}

func (s *stage) step(in Input) (out Output) {
	s.core.Step(in, &out)
	return out
}

// after lets time pass by one tick.
func (s *stage) after(d time.Duration) Output {
	s.now = s.now.Add(d)
	return s.step(Tick{Now: s.now})
}

// effects lets the engine's next step have these effects.
func (s *stage) effects(do func(*consensus.Effects)) Output {
	s.engine.answer = func(_ consensus.Event, out *consensus.Effects) {
		s.engine.answer = nil
		do(out)
	}
	return s.step(Tick{Now: s.now})
}

func (s *stage) admit(r *consensus.Request) Output {
	return s.step(Admitted{Request: verified(RequestMessage{r})})
}

func (s *stage) receive(from consensus.ReplicaID, m consensus.Message) Output {
	return s.step(Received{From: from, Message: verified(m)})
}

// execution is what a machine would say of a batch.
func (s *stage) execution(n consensus.Sequence, requests ...*consensus.Request) Executed {
	x := &statemachine.Execution{Sequence: n}
	for _, r := range requests {
		x.Outcomes = append(x.Outcomes, statemachine.Outcome{Leaf: leafOf(r)})
	}
	return Executed{Execution: x}
}
