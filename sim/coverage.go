package sim

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/replica/core"
)

// Coverage counts what runs really reached: faults, adversaries, effects of
// engines and cores, events, fates of operations and reasons for refusals. The
// zero value has counted nothing.
type Coverage struct {
	Network [len(networkNames)]uint64
	Output  [len(outputNames)]uint64
	Effects [len(effectNames)]uint64
	Events  [len(eventNames)]uint64
	Others  map[string]uint64
}

const (
	networkLost = iota
	networkTwice
	networkOvertook
	networkCut
)

var (
	networkNames = [...]string{"lost", "came twice", "overtaken", "cut off"}
	// outputNames are the fields of core.Output, in order.
	outputNames = [...]string{
		"Halt", "Persist", "Wanted", "Send", "Reply", "Execute", "Flush", "Recheck", "Store", "Serve", "Trim", "Snapshot", "Save", "Retire",
		"Alarm", "Repaired", "Refuse", "Complain", "Report",
	}
	// effectNames are the fields of consensus.Effects that are lists, in order.
	effectNames = [...]string{"Persist", "Send", "Execute", "Fetch", "Stable", "Trim", "Behind", "Diverged", "Report", "Halt"}
	eventNames  = [...]string{
		"Started", "Submitted", "Received", "Persisted", "Completed", "Executed", "Flushed", "Installed", "Suspected", "Overdue", "Tick",
	}
)

func (c *Coverage) count(name string) {
	if c.Others == nil {
		c.Others = map[string]uint64{}
	}
	c.Others[name]++
}

func (c *Coverage) output(o *core.Output) {
	for i, n := range [...]int{
		len(o.Halt), len(o.Persist), len(o.Wanted), len(o.Send), len(o.Reply), len(o.Execute), len(o.Flush), len(o.Recheck), len(o.Store),
		len(o.Serve), len(o.Trim), len(o.Snapshot), len(o.Save), len(o.Retire), len(o.Alarm), len(o.Repaired), len(o.Refuse),
		len(o.Complain), len(o.Report),
	} {
		c.Output[i] += uint64(n)
	}
}

// reasonMax bounds the text of a reason: some carry numbers behind it.
const reasonMax = 60

// rejected counts a frame that was refused before it reached a core, by the
// innermost error.
func (c *Coverage) rejected(kind byte, err error) {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	name, ok := messageNames[consensus.MessageType(kind)]
	if !ok {
		name = "other"
	}
	text := err.Error()
	c.count("rejected " + name + ": " + text[:min(len(text), reasonMax)])
}

var refusalNames = map[wire.RefusalReason]string{
	wire.RefusedOverloaded: "overloaded", wire.RefusedUnauthorised: "unauthorised", wire.RefusedSession: "session",
	wire.RefusedWindow: "window", wire.RefusedInvalid: "invalid", wire.RefusedStopping: "stopping",
}

func (c *Coverage) refused(r wire.RefusalReason) { c.count("refused " + refusalNames[r]) }

var classNames = [...]string{"none", "ok", "error", "panic", "limit", "unauthorised", "no session", "out of window", "taken", "gone"}

func (c *Coverage) completed(done session.Completion) {
	c.count("operation " + fateName(done.Fate))
	if done.Fate == session.Executed {
		c.count("result " + classNames[done.Result.Class])
	}
}

// Add adds what another run reached.
func (c *Coverage) Add(o *Coverage) {
	for i, n := range o.Network {
		c.Network[i] += n
	}
	for i, n := range o.Output {
		c.Output[i] += n
	}
	for i, n := range o.Effects {
		c.Effects[i] += n
	}
	for i, n := range o.Events {
		c.Events[i] += n
	}
	if c.Others == nil {
		c.Others = map[string]uint64{}
	}
	for name, n := range o.Others { // order-free: sums
		c.Others[name] += n
	}
}

// A Count is how often runs reached one thing.
type Count struct {
	Name  string
	Times uint64
}

// Counts returns all that can be counted in advance, also what was never reached,
// and what else was reached, by name.
func (c *Coverage) Counts() []Count {
	var out []Count
	list := func(prefix string, names []string, counts []uint64) {
		for i, n := range names {
			out = append(out, Count{Name: prefix + n, Times: counts[i]})
		}
	}
	list("frame ", networkNames[:], c.Network[:])
	list("core output ", outputNames[:], c.Output[:])
	list("engine effect ", effectNames[:], c.Effects[:])
	list("engine event ", eventNames[:], c.Events[:])
	others := maps.Clone(c.Others)
	if others == nil {
		others = map[string]uint64{}
	}
	for _, name := range BehaviourNames() {
		others["adversary "+name] += 0
	}
	for _, name := range ClientBehaviourNames() {
		others["adversary "+name] += 0
	}
	for name, n := range others { // order-free: sorted below
		out = append(out, Count{Name: name, Times: n})
	}
	slices.SortFunc(out, func(a, b Count) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// observed is an engine whose events and effects are counted.
type observed struct {
	consensus.Engine
	coverage *Coverage
}

// Step implements consensus.Engine.
func (o *observed) Step(ev consensus.Event, out *consensus.Effects) {
	o.coverage.Events[eventNumber(ev)]++
	o.Engine.Step(ev, out)
	for i, n := range [...]int{
		len(out.Persist), len(out.Send), len(out.Execute), len(out.Fetch), len(out.Stable), len(out.Trim), len(out.Behind),
		len(out.Diverged), len(out.Report), len(out.Halt),
	} {
		o.coverage.Effects[i] += uint64(n)
	}
}

func eventNumber(ev consensus.Event) int {
	switch ev.(type) {
	case consensus.Started:
		return 0
	case consensus.Submitted:
		return 1
	case consensus.Received:
		return 2
	case consensus.Persisted:
		return 3
	case consensus.Completed:
		return 4
	case consensus.Executed:
		return 5
	case consensus.Flushed:
		return 6
	case consensus.Installed:
		return 7
	case consensus.Suspected:
		return 8
	case consensus.Overdue:
		return 9
	case consensus.Tick:
		return 10
	}
	panic(fmt.Sprintf("sim: no number for event %T", ev))
}
