package sim

import (
	"cmp"
	"slices"
	"time"
)

// Shrink looks for a shorter plan that breaks the same invariant: with fewer
// steps, liars, operations and other troubles, and an earlier end. It runs a plan
// for each try until stop reports true or nothing more can be left out, and
// returns the shortest plan that failed, with its report. plan has to fail.
func Shrink(plan Plan, stop func() bool) (Plan, Report) {
	s := &shrinking{best: plan, report: Run(plan, nil), stop: stop}
	if s.report.Broken == nil {
		return plan, s.report
	}
	for before := ""; before != string(s.best.Marshal()) && !stop(); {
		before = string(s.best.Marshal())
		s.cutEnd()
		s.leaveOut(func(p *Plan) int { return len(p.Steps) }, func(p *Plan, i, n int) { p.Steps = slices.Delete(slices.Clone(p.Steps), i, i+n) })
		s.leaveOut(func(p *Plan) int { return len(p.Faults) }, func(p *Plan, i, n int) { p.Faults = slices.Delete(slices.Clone(p.Faults), i, i+n) })
		s.leaveOut(func(p *Plan) int { return len(p.Clocks) }, func(p *Plan, i, n int) { p.Clocks = slices.Delete(slices.Clone(p.Clocks), i, i+n) })
		s.leaveOut(func(p *Plan) int { return len(p.Away) }, func(p *Plan, i, n int) { p.Away = slices.Delete(slices.Clone(p.Away), i, i+n) })
		s.simplify()
		s.fewerClients()
	}
	return s.best, s.report
}

type shrinking struct {
	best   Plan
	report Report
	stop   func() bool
}

// try keeps a plan if it fails in the same way.
func (s *shrinking) try(p Plan) bool {
	if s.stop() {
		return false
	}
	r := Run(p, nil)
	if r.Broken == nil || r.Broken.Invariant != s.report.Broken.Invariant {
		return false
	}
	s.best, s.report = p, r
	return true
}

// leaveOut is delta debugging over one list of the plan: large parts first, then
// smaller ones.
func (s *shrinking) leaveOut(count func(*Plan) int, drop func(*Plan, int, int)) {
	for n := count(&s.best); n > 0; n /= 2 {
		for i := 0; i < count(&s.best); {
			p := s.best
			drop(&p, i, min(n, count(&s.best)-i))
			if !s.try(p) {
				i += n
			}
		}
	}
}

// cutEnd lets the quiet begin where the invariant broke, or earlier.
func (s *shrinking) cutEnd() {
	at := s.report.Broken.At
	if at >= s.best.Quiet {
		at = s.best.Quiet / 2
	}
	p := s.best
	p.Quiet = at + time.Millisecond
	p.Steps = slices.DeleteFunc(slices.Clone(p.Steps), func(x Step) bool { return x.At > p.Quiet })
	s.try(p)
}

// simplify takes what is out of the ordinary back, one thing after the other.
func (s *shrinking) simplify() {
	for _, change := range []func(*Plan){
		func(p *Plan) { p.Real = false },
		func(p *Plan) { p.Network.Loss = 0 },
		func(p *Plan) { p.Network.Duplication = 0 },
		func(p *Plan) { p.Network.DelayMin = 0 },
		func(p *Plan) {
			p.Network.DelayMax = max(min(p.Network.DelayMax, 2*time.Millisecond), p.Network.DelayMin)
		},
		func(p *Plan) { p.Network.DelayMax = max(p.Network.DelayMax/2, p.Network.DelayMin) },
		func(p *Plan) { p.Network.Ordered = true },
		func(p *Plan) { p.Sync = min(p.Sync, time.Millisecond) },
		func(p *Plan) { p.Load.Operations /= 2 },
		func(p *Plan) { p.Load.Operations -= cmp.Compare(p.Load.Operations, 1) },
		func(p *Plan) { p.Load.InFlight = 1 },
		func(p *Plan) { p.Load.Removals = 0 },
		func(p *Plan) { p.Load.Keys = 1 },
		func(p *Plan) { p.Load.Pause = 0 },
		func(p *Plan) { p.Parameters.DriftMax = SmallParameters().DriftMax },
		func(p *Plan) { p.Parameters.SessionWindow = SmallParameters().SessionWindow },
		func(p *Plan) { p.Parameters.BatchRequestsMax = 1 },
	} {
		p := s.best
		change(&p)
		if string(p.Marshal()) != string(s.best.Marshal()) {
			s.try(p)
		}
	}
}

// fewerClients drops the last client, as often as the plan names it nowhere else.
func (s *shrinking) fewerClients() {
	for s.best.Clients > 1 {
		p := s.best
		p.Clients--
		last := p.Replicas + p.Clients
		p.Faults = slices.DeleteFunc(slices.Clone(p.Faults), func(f Fault) bool { return f.Party == last })
		p.Steps = slices.Clone(p.Steps)
		for i := range p.Steps {
			without := func(list []int) []int {
				return slices.DeleteFunc(slices.Clone(list), func(n int) bool { return n == last })
			}
			p.Steps[i].From, p.Steps[i].To = without(p.Steps[i].From), without(p.Steps[i].To)
		}
		p.Steps = slices.DeleteFunc(p.Steps, func(x Step) bool {
			return (x.Do == Cut || x.Do == Slow) && (len(x.From) == 0 || len(x.To) == 0)
		})
		if !s.try(p) {
			return
		}
	}
}
