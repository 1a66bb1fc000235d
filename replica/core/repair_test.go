package core

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine"
)

// TestRuinedIsGivenUp: R51, R121 – a state that no repair in place helps is given up in
// the same step that raises the alarm; one of which only values have rotted is not.
func TestRuinedIsGivenUp(t *testing.T) {
	s := newStage(t, nil)
	if out := s.step(Suspected{Reason: "a value"}); len(out.Alarm) != 1 || out.GiveUp {
		t.Fatalf("a value that has rotted: alarm %q, given up %v", out.Alarm, out.GiveUp)
	}
	if out := s.step(Suspected{Reason: "another value"}); len(out.Alarm) != 0 || out.GiveUp {
		t.Errorf("the same repair does for it: alarm %q, given up %v", out.Alarm, out.GiveUp)
	}
	// In the middle of a repair, too, and the operator hears of it.
	if out := s.step(Suspected{Reason: "a filter", Ruined: true}); len(out.Alarm) != 1 || out.Alarm[0] != "a filter" || !out.GiveUp {
		t.Errorf("ruin during a repair: alarm %q, given up %v", out.Alarm, out.GiveUp)
	}
	if out := s.step(Suspected{Reason: "a filter", Ruined: true}); len(out.Alarm) != 0 || out.GiveUp {
		t.Errorf("it is given up twice: alarm %q, given up %v", out.Alarm, out.GiveUp)
	}

	s = newStage(t, nil)
	if out := s.step(Suspected{Reason: "a filter", Ruined: true}); len(out.Alarm) != 1 || !out.GiveUp {
		t.Errorf("ruin: alarm %q, given up %v", out.Alarm, out.GiveUp)
	}
}

// TestGivenUpIsNotRepaired: a transfer that ends after the state was given up does not
// make it one that is believed.
func TestGivenUpIsNotRepaired(t *testing.T) {
	s := newStage(t, nil)
	s.step(Suspected{Reason: "a value"})
	s.core.repair.begun = true
	s.step(Suspected{Reason: "a filter", Ruined: true})
	var out Output
	s.core.moving.effects.Done = true
	s.core.carryTransfer(&out)
	if len(out.Repaired) > 0 || s.core.repair.reason == "" {
		t.Errorf("repaired at %v", out.Repaired)
	}
	if out := s.after(time.Minute); out.GiveUp || len(out.Execute) > 0 {
		t.Errorf("it goes on: %+v", out)
	}
}

// TestRuinOfTheOnlyReplica: with nobody to fetch another state from, the own one is
// kept for the operator.
func TestRuinOfTheOnlyReplica(t *testing.T) {
	r := newRig(t, 1, nil)
	c := New(Config{Group: r.group, Self: 0, Signer: r.replicas[0], Engine: &scripted{}, Pool: DefaultPoolLimits(r.group.Genesis.Parameters)})
	var out Output
	c.Start(Durable{Marker: statemachine.Marker{Version: 1}, Enrolled: 3}, start, &out)
	out.Reset()
	if c.Step(Suspected{Reason: "a filter", Ruined: true}, &out); len(out.Halt) != 1 || out.Halt[0].Cause != consensus.CauseDiverged || out.GiveUp {
		t.Errorf("halt %v, given up %v", out.Halt, out.GiveUp)
	}
}
