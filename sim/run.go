package sim

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/simsig"
	"github.com/varangian-bft/varangian/statemachine"
)

// Settling is how long a group may take, after the faults of a plan stop, until
// every outstanding operation of a correct client is done and the replicas that
// are not away stand equal (R120). It covers view changes whose time-outs doubled
// to their maximum through f faulty primaries in a row.
const Settling = 5 * time.Minute

// A Report is what came of a run.
type Report struct {
	Broken    *Broken       // nil if every invariant held
	Virtual   time.Duration // how long the world ran
	Settled   time.Duration // how long after Plan.Quiet everything was done
	Completed int           // operations
	Views     consensus.ViewNumber
	Coverage  Coverage
	Digest    crypto.Digest // of all that happened
}

// Run runs a plan to its end: the faults, then the proof that the group recovers
// (R120). observe, if not nil, is called with all that happens.
func Run(p Plan, observe func(Event)) Report { return runWith(p, nil, observe, nil) }

// A course is a run under way.
type course struct {
	plan    Plan
	world   *World
	workers []*worker
	admin   int // removals under way
	report  Report
}

func runWith(p Plan, app func() statemachine.Application, observe func(Event), operations func(w *World, client int) [][]byte) (report Report) {
	c := &course{plan: p}
	defer func() {
		if x := recover(); x != nil {
			report = c.end()
			report.Broken = &Broken{Invariant: "panic", Detail: fmt.Sprint(x), Seed: p.Seed}
			if c.world != nil {
				report.Broken.At = c.world.now
			}
		}
	}()
	if err := c.begin(app, observe, operations); err != nil {
		c.report.Broken = &Broken{Invariant: "plan", Detail: err.Error(), Seed: p.Seed}
		return c.report
	}
	if err := c.steps(); err != nil {
		return c.fail(err)
	}
	if err := c.settle(); err != nil {
		return c.fail(err)
	}
	return c.end()
}

func (c *course) begin(app func() statemachine.Application, observe func(Event), operations func(w *World, client int) [][]byte) error {
	p := &c.plan
	cfg := Config{
		Seed: p.Seed, Replicas: p.Replicas, Clients: p.Clients, App: app, Parameters: p.Parameters, Timeout: p.Timeout,
		SyncMax: p.Sync, Observe: observe,
		DelayMin: p.Network.DelayMin, DelayMax: p.Network.DelayMax, Loss: p.Network.Loss,
		Duplication: p.Network.Duplication, Ordered: p.Network.Ordered, Scheme: simsig.New(),
	}
	if p.Real {
		cfg.Scheme = crypto.Ed25519
	}
	w, err := New(cfg)
	if err != nil {
		return err
	}
	c.world = w
	for _, k := range p.Clocks {
		w.replicas[k.Replica].SetClock(k.Clock)
		w.coverage.count("fault wrong clock")
	}
	for _, f := range p.Faults {
		if f.Party < p.Replicas {
			err = w.CorruptAs(f.Party, f.Name)
		} else {
			err = w.CorruptClientAs(f.Party-p.Replicas, f.Name)
		}
		if err != nil {
			return err
		}
	}
	for i := range w.clients {
		k := newWorker(w, i, p.Load)
		if operations != nil {
			k.given = operations(w, i)
			k.left = len(k.given)
		}
		c.workers = append(c.workers, k)
		k.begin()
	}
	c.removals(p.Load.Removals)
	return nil
}

// removals lets the first client remove others, in turn, and enrol them again as
// often as given (R34). What they ask for meanwhile is refused or executed as
// unauthorised, on all replicas alike.
func (c *course) removals(left int) {
	w := c.world
	if left == 0 || len(w.clients) < 2 {
		return
	}
	operator, victim := w.clients[0], w.group.Genesis.Clients[1+left%(len(w.clients)-1)]
	c.admin++
	w.after(time.Duration(1+w.rng.IntN(5000))*time.Millisecond, func() {
		operator.Administer(statemachine.RemoveOperation(victim.Client), func(session.Completion) {
			w.coverage.count("client removed")
			operator.Administer(statemachine.EnrolOperation(victim), func(session.Completion) {
				c.admin--
				c.removals(left - 1)
			})
		})
	})
}

// steps carries out the steps of the plan, each at its time.
func (c *course) steps() error {
	for _, s := range c.plan.Steps {
		if s.At > c.plan.Quiet {
			break
		}
		if err := c.world.Run(s.At - c.world.now); err != nil {
			return err
		}
		c.world.take(s)
		if err := c.world.Run(0); err != nil {
			return err
		}
	}
	return c.world.Run(max(c.plan.Quiet-c.world.now, 0))
}

// settle makes everything whole but for who is away, and waits until all is done.
// Delays are then at most a fifth of the time-out, so that a round fits into it,
// and clocks differ by half of what the group bears.
func (c *course) settle() error {
	w, p := c.world, &c.plan
	w.Heal()
	calm := w.net.now
	calm.Loss, calm.DelayMax = 0, min(calm.DelayMax, w.cfg.Timeout/5)
	calm.DelayMin = min(calm.DelayMin, calm.DelayMax/2)
	w.Weather(calm)
	away := make([]bool, p.Replicas)
	for _, i := range p.Away {
		away[i] = true
		for other := range w.net.parties {
			w.Sever(i, other, true)
			w.Sever(other, i, true)
		}
	}
	for i, r := range w.replicas {
		r.sound()
		r.paused = min(r.paused, w.now)
		r.clock = Clock{Offset: min(max(r.clock.Offset, -p.Parameters.DriftMax/4), p.Parameters.DriftMax/4)}
		if !r.up && !away[i] {
			w.restart(r)
		}
	}
	c.revive(away)
	if err := w.RunUntil(Settling, func() bool { return c.done() && c.level(away) }); err != nil {
		return err
	}
	c.report.Settled = w.now - p.Quiet
	switch {
	case !c.done():
		w.checks.fail("liveness", "after %v of quiet not every operation is done: %s", Settling, c.where())
	case !c.level(away):
		w.checks.fail("liveness", "after %v of quiet not all replicas stand equal: %s", Settling, c.where())
	default:
		c.linearizable()
	}
	return w.Run(0)
}

// revive starts liars again, whom their own lies stop now and then.
func (c *course) revive(away []bool) {
	w := c.world
	w.after(10*time.Second, func() {
		for i, r := range w.replicas {
			if !r.up && !away[i] && r.behaviour != nil {
				w.restart(r)
			}
		}
		c.revive(away)
	})
}

// done reports whether the correct clients have nothing to do any more.
func (c *course) done() bool {
	for _, k := range c.workers {
		if k.client.behaviour == nil && !k.done() {
			return false
		}
	}
	return c.admin == 0
}

// level reports whether all correct replicas that are up and not away stand
// equal.
func (c *course) level(away []bool) bool {
	var first *Replica
	for i, r := range c.world.replicas {
		switch {
		case away[i] || r.behaviour != nil:
		case !r.scrubbed():
			return false
		case !r.up || r.since && r.forgot != "" || r.core.Status().Engine.Recovering != "":
			return false
		case first == nil:
			first = r
		case c.world.checks.order[i] != c.world.checks.order[first.id]:
			return false
		case r.machine.History() != first.machine.History():
			return false
		}
	}
	return true
}

// where says where everybody stands, for whoever looks into a failure.
func (c *course) where() string {
	var b strings.Builder
	for _, k := range c.workers {
		fmt.Fprintf(&b, "%s %d left, idle %v; ", clientName(k.client.index), k.left, k.client.Idle())
	}
	for i, r := range c.world.replicas {
		s := r.core.Status()
		fmt.Fprintf(&b, "\n  %s up %v, liar %v, view %d to %d, executed %d, history %s, low %d, pool %d, transfer %q%s: %s", replicaName(i), r.up, r.behaviour != nil,
			s.Engine.View, s.Engine.ChangingTo, s.Executed, s.History.Short(), s.Engine.Low, s.Waiting, s.Transfer, r.rotStatus(), s.Engine.Waiting)
	}
	return b.String()
}

func (c *course) fail(err error) Report {
	report := c.end()
	var b *Broken
	if !errors.As(err, &b) {
		b = &Broken{Invariant: "run", Detail: err.Error(), Seed: c.plan.Seed}
	}
	report.Broken = b
	return report
}

// end adds up what is to be reported.
func (c *course) end() Report {
	w := c.world
	if w == nil {
		return c.report
	}
	for _, r := range w.replicas {
		if r.core != nil && r.behaviour == nil {
			c.report.Views = max(c.report.Views, r.core.Status().Engine.View)
		}
	}
	c.adversaries()
	c.report.Virtual, c.report.Digest = w.now, w.Digest()
	for _, k := range c.workers {
		c.report.Completed += k.client.Completed
	}
	c.report.Coverage.Add(&w.coverage)
	return c.report
}

// adversaries counts the behaviours of the plan that really lied.
func (c *course) adversaries() {
	for _, f := range c.plan.Faults {
		if f.Party >= c.plan.Replicas {
			c.world.coverage.count("adversary " + f.Name)
			continue
		}
		all, ok := c.world.replicas[f.Party].behaviour.(chain)
		for i, name := range strings.Split(f.Name, "+") {
			if !ok || i >= len(all) {
				continue
			}
			if d, ok := all[i].(Deviator); !ok || d.Deviated() > 0 {
				c.world.coverage.count("adversary " + name)
			}
		}
	}
}
