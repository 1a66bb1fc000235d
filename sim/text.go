package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Marshal returns the plan as text, one line for each thing that is so or
// happens, for instance:
//
//	seed 7
//	group replicas=4 clients=2
//	liar r3 equivocate
//	3.2s crash r1 lost=0.5
//	9s cut r0,r1 from=r2,r3,c0
//
// What is not said has a value that stands for nothing: no loss, no liar.
func (p *Plan) Marshal() []byte {
	var b bytes.Buffer
	line := func(words ...string) {
		fmt.Fprintln(&b, strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), " "))
	}
	line("seed", fmt.Sprint(p.Seed))
	line("group", "replicas="+fmt.Sprint(p.Replicas), "clients="+fmt.Sprint(p.Clients), mark("real", p.Real))
	g := p.Parameters
	line("parameters", "checkpoint="+fmt.Sprint(g.CheckpointInterval), "window="+fmt.Sprint(g.Window), "snapshot="+fmt.Sprint(g.SnapshotInterval),
		"batch="+fmt.Sprint(g.BatchRequestsMax), "session="+fmt.Sprint(g.SessionWindow), "drift="+g.DriftMax.String())
	line("times", "timeout="+p.Timeout.String(), "sync="+p.Sync.String(), "quiet="+p.Quiet.String())
	line("network", p.Network.text())
	line("load", "operations="+fmt.Sprint(p.Load.Operations), "inflight="+fmt.Sprint(p.Load.InFlight), "pause="+p.Load.Pause.String(),
		"keys="+fmt.Sprint(p.Load.Keys), removals(p.Load.Removals))
	for _, k := range p.Clocks {
		line("clock", replicaName(k.Replica), "offset="+k.Offset.String(), "drift="+fmt.Sprint(k.Drift))
	}
	for _, f := range p.Faults {
		line("liar", p.party(f.Party), f.Name)
	}
	for _, i := range p.Away {
		line("away", replicaName(i))
	}
	for _, s := range p.Steps {
		line(s.At.String(), string(s.Do), p.step(s))
	}
	return b.Bytes()
}

func removals(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("removals=%d", n)
}

func (p *Plan) party(i int) string {
	if i < p.Replicas {
		return replicaName(i)
	}
	return clientName(i - p.Replicas)
}

func (p *Plan) parties(list []int) string {
	names := make([]string, len(list))
	for i, n := range list {
		names[i] = p.party(n)
	}
	return strings.Join(names, ",")
}

func (p *Plan) step(s Step) string {
	switch s.Do {
	case Crash:
		return fmt.Sprintf("%s lost=%v torn=%v", replicaName(s.Replica), s.Lost, s.Torn)
	case Start, Wipe, Decay, Copy, Roll, Kill:
		return replicaName(s.Replica)
	case Pause, SetTime, Fill, Stale:
		return fmt.Sprintf("%s for=%v", replicaName(s.Replica), s.For)
	case Cut:
		return strings.TrimSpace(fmt.Sprintf("%s from=%s %s", p.parties(s.To), p.parties(s.From), mark("oneway", s.OneWay)))
	case Slow:
		return fmt.Sprintf("%s from=%s for=%v", p.parties(s.To), p.parties(s.From), s.For)
	case Weather:
		return s.Network.text()
	case Fail:
		return strings.TrimSpace(fmt.Sprintf("%s how=%s after=%d for=%v %s", replicaName(s.Replica), s.How, s.After, s.For, mark("power", s.Power)))
	case Misdirect:
		return fmt.Sprintf("%s after=%d", replicaName(s.Replica), s.After)
	case Rot:
		return fmt.Sprintf("%s how=%s", replicaName(s.Replica), s.How)
	case Heal:
	}
	return ""
}

func (c Conditions) text() string {
	return strings.TrimSpace(fmt.Sprintf("least=%v most=%v lost=%v twice=%v %s", c.DelayMin, c.DelayMax, c.Loss, c.Duplication, mark("ordered", c.Ordered)))
}

func mark(name string, set bool) string {
	if set {
		return name
	}
	return ""
}

// ParsePlan reads what Marshal wrote. Empty lines and lines that begin with "#"
// are passed over. An error names the line.
func ParsePlan(text []byte) (Plan, error) {
	p := Plan{Parameters: SmallParameters()}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		w := &words{list: fields[1:]}
		p.line(fields[0], w)
		if w.err == nil && len(w.list) > 0 {
			w.fail("%q means nothing here", w.list[0])
		}
		if w.err != nil {
			return Plan{}, fmt.Errorf("plan, line %d: %w", n, w.err)
		}
	}
	if p.Replicas == 0 || p.Clients == 0 {
		return Plan{}, fmt.Errorf("plan: it has no line that begins with %q", "group")
	}
	return p, nil
}

func (p *Plan) line(about string, w *words) {
	switch about {
	case "seed":
		p.Seed = number(w, w.next(), 64)
	case "group":
		p.Replicas, p.Clients = int(number(w, w.value("replicas"), 6)), int(number(w, w.value("clients"), 6))
		p.Real = w.flag("real")
	case "parameters":
		g := &p.Parameters
		g.CheckpointInterval, g.Window = number(w, w.value("checkpoint"), 32), number(w, w.value("window"), 32)
		g.SnapshotInterval, g.BatchRequestsMax = number(w, w.value("snapshot"), 32), number(w, w.value("batch"), 32)
		g.SessionWindow, g.DriftMax = number(w, w.value("session"), 32), w.duration("drift")
	case "times":
		p.Timeout, p.Sync, p.Quiet = w.duration("timeout"), w.duration("sync"), w.duration("quiet")
	case "network":
		p.Network = w.conditions()
	case "load":
		p.Load = Load{
			Operations: int(number(w, w.value("operations"), 16)), InFlight: int(number(w, w.value("inflight"), 8)),
			Pause: w.duration("pause"), Keys: int(number(w, w.value("keys"), 16)),
		}
		if len(w.list) > 0 {
			p.Load.Removals = int(number(w, w.value("removals"), 16))
		}
	case "clock":
		k := PartyClock{Replica: p.replica(w)}
		k.Offset = w.duration("offset")
		drift, err := strconv.ParseInt(w.value("drift"), 10, 32)
		if err != nil {
			w.fail("drift: %v", err)
		}
		k.Drift = drift
		p.Clocks = append(p.Clocks, k)
	case "liar":
		p.Faults = append(p.Faults, Fault{Party: p.index(w, w.next()), Name: w.next()})
	case "away":
		p.Away = append(p.Away, p.replica(w))
	default:
		at, err := time.ParseDuration(about)
		if err != nil {
			w.fail("%q is neither a time nor what a line is about", about)
			return
		}
		p.Steps = append(p.Steps, p.readStep(at, w))
	}
}

func (p *Plan) readStep(at time.Duration, w *words) Step {
	s := Step{At: at, Do: Verb(w.next())}
	switch s.Do {
	case Crash:
		s.Replica, s.Lost, s.Torn = p.replica(w), w.share("lost"), w.share("torn")
	case Start, Wipe, Decay, Copy, Roll, Kill:
		s.Replica = p.replica(w)
	case Fail:
		s.Replica, s.How, s.After = p.replica(w), w.among("how", failNames), int(number(w, w.value("after"), 16))
		s.For, s.Power = w.duration("for"), w.flag("power")
	case Misdirect:
		s.Replica, s.After = p.replica(w), int(number(w, w.value("after"), 16))
	case Rot:
		s.Replica, s.How = p.replica(w), w.among("how", rotNames)
	case Pause, SetTime, Fill, Stale:
		s.Replica, s.For = p.replica(w), w.duration("for")
	case Cut:
		s.To, s.From, s.OneWay = p.indices(w, w.next()), p.indices(w, w.value("from")), w.flag("oneway")
	case Slow:
		s.To, s.From, s.For = p.indices(w, w.next()), p.indices(w, w.value("from")), w.duration("for")
	case Weather:
		s.Network = w.conditions()
	case Heal:
	default:
		w.fail("no step is called %q", s.Do)
	}
	return s
}

// index reads the name of a party.
func (p *Plan) index(w *words, name string) int {
	kind, rest := "", ""
	if name != "" {
		kind, rest = name[:1], name[1:]
	}
	i, err := strconv.Atoi(rest)
	switch {
	case err == nil && kind == "r" && i >= 0 && i < p.Replicas:
		return i
	case err == nil && kind == "c" && i >= 0 && i < p.Clients:
		return p.Replicas + i
	}
	w.fail("no party is called %q", name)
	return 0
}

func (p *Plan) indices(w *words, names string) (list []int) {
	for name := range strings.SplitSeq(names, ",") {
		list = append(list, p.index(w, name))
	}
	return list
}

func (p *Plan) replica(w *words) int {
	i := p.index(w, w.next())
	if i >= p.Replicas {
		w.fail("%s is no replica", p.party(i))
		return 0
	}
	return i
}

// words are the rest of a line, and the first thing that is wrong with it.
type words struct {
	list []string
	err  error
}

func (w *words) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func (w *words) next() string {
	if len(w.list) == 0 {
		w.fail("something is missing at the end")
		return ""
	}
	s := w.list[0]
	w.list = w.list[1:]
	return s
}

// value reads "name=value".
func (w *words) value(name string) string {
	s := w.next()
	value, ok := strings.CutPrefix(s, name+"=")
	if !ok {
		w.fail("%q stands where %s= should", s, name)
	}
	return value
}

// flag reads a word that may be there.
func (w *words) flag(name string) bool {
	if len(w.list) == 0 || w.list[0] != name {
		return false
	}
	w.list = w.list[1:]
	return true
}

func (w *words) duration(name string) time.Duration {
	d, err := time.ParseDuration(w.value(name))
	if err != nil {
		w.fail("%s: %v", name, err)
	}
	return d
}

func (w *words) share(name string) float64 {
	x, err := strconv.ParseFloat(w.value(name), 64)
	if err != nil || !(x >= 0 && x <= 1) {
		w.fail("%s is a share from 0 to 1", name)
	}
	return x
}

// among reads "name=value" with one of some values.
func (w *words) among(name string, values []string) string {
	s := w.value(name)
	if !slices.Contains(values, s) {
		w.fail("%s is one of %s", name, strings.Join(values, ", "))
	}
	return s
}

func (w *words) conditions() Conditions {
	return Conditions{
		DelayMin: w.duration("least"), DelayMax: w.duration("most"), Loss: w.share("lost"), Duplication: w.share("twice"),
		Ordered: w.flag("ordered"),
	}
}

func number(w *words, text string, bits int) uint64 {
	n, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		w.fail("%v", err)
	}
	return n
}
