package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/sim"
)

// Of is the recording of a simulated run. Command is how to make it again.
func Of(rec *sim.Recording, command string) Recording {
	p := rec.Plan
	q := consensus.QuorumsOf(rec.Plan.Replicas)
	c := &converter{plan: &p, out: Recording{Command: command, Faults: q.F, Quorum: q.Quorum, Omitted: rec.Omitted}, lies: map[channel]sim.Event{}}
	c.parties(rec)
	for i := range rec.Events {
		c.event(&rec.Events[i])
	}
	c.marks()
	c.fates()
	c.out.Title = title(&c.out, p.Seed)
	c.out.Config = configuration(rec)
	return c.out
}

// A channel is a direction between two parties.
type channel struct{ from, to int }

// A converter turns the events of a run into a Recording.
type converter struct {
	plan   *sim.Plan
	out    Recording
	lies   map[channel]sim.Event // what the core said in the place of the next frame
	missed []sim.Event
}

func (c *converter) parties(rec *sim.Recording) {
	for i := range rec.Plan.Replicas + rec.Plan.Clients {
		p := Party{Name: fmt.Sprintf("r%d", i)}
		if i >= rec.Plan.Replicas {
			p = Party{Name: fmt.Sprintf("c%d", i-rec.Plan.Replicas), Client: true}
		}
		for _, f := range rec.Plan.Faults {
			if f.Party == i {
				p.Liar = f.Name
			}
		}
		c.out.Parties = append(c.out.Parties, p)
	}
}

func (c *converter) event(e *sim.Event) {
	switch e.Kind {
	case sim.EventSent:
		m := message(e, FateArrived)
		if core, ok := c.lies[channel{e.From, e.To}]; ok {
			delete(c.lies, channel{e.From, e.To})
			m.Altered, m.Core = true, about(&core)
		}
		c.out.Messages = append(c.out.Messages, m)
	case sim.EventLost:
		delete(c.lies, channel{e.From, e.To})
		c.out.Messages = append(c.out.Messages, message(e, FateLost))
	case sim.EventWithheld:
		c.out.Messages = append(c.out.Messages, message(e, FateWithheld))
	case sim.EventAltered:
		c.lies[channel{e.From, e.To}] = *e
	case sim.EventMissed:
		c.missed = append(c.missed, *e)
	case sim.EventExecuted:
		c.mark(e, Mark{Kind: MarkExecuted})
	case sim.EventDone:
		c.mark(e, Mark{Kind: MarkDone, Text: e.Text})
	case sim.EventView:
		kind := MarkEntered
		if e.Text != "" {
			kind = MarkAsked
		}
		c.mark(e, Mark{Kind: kind})
	case sim.EventStable:
		c.mark(e, Mark{Kind: MarkStable})
	case sim.EventProof:
		c.mark(e, Mark{Kind: MarkProof, Text: c.out.Parties[e.To].Name})
	case sim.EventBroken:
		c.mark(e, Mark{Kind: MarkBroken, Text: e.Text})
	case sim.EventFault:
		c.fault(e)
	}
}

func message(e *sim.Event, fate Fate) Message {
	signer := ""
	if e.Signer != sim.Nobody && e.Signer != e.From {
		signer = fmt.Sprintf("r%d", e.Signer)
	}
	return Message{
		From: e.From, To: e.To, Sent: e.At, Arrives: max(e.Arrives, e.At), Fate: fate, Type: e.Name, View: uint64(e.View),
		Sequence: uint64(e.Sequence), Digest: e.Digest, Bytes: e.Bytes, Detail: e.Text, Signer: signer,
	}
}

// about is one line about the frame of an event; empty if it has none.
func about(e *sim.Event) string {
	if e.Name == "" {
		return ""
	}
	text := e.Name
	if e.View > 0 || e.Sequence > 0 {
		text += fmt.Sprintf(" in view %d at %d", e.View, e.Sequence)
	}
	if e.Digest != "" {
		text += " of " + e.Digest
	}
	return text
}

func (c *converter) mark(e *sim.Event, m Mark) {
	m.At, m.Party, m.View, m.Sequence, m.Digest = e.At, max(e.From, Everyone), uint64(e.View), uint64(e.Sequence), e.Digest
	c.out.Marks = append(c.out.Marks, m)
}

// fault sorts what befell a party or the network by its first word.
func (c *converter) fault(e *sim.Event) {
	word, rest, _ := strings.Cut(e.Text, " ")
	word = strings.TrimRight(word, ",:")
	kinds := map[string]MarkKind{
		"crash": MarkCrashed, "kill": MarkCrashed, "end": MarkCrashed, "start": MarkStarted, "halt": MarkHalted, "pause": MarkPaused, "cut": MarkCut, "heal": MarkHealed,
	}
	kind, ok := kinds[word]
	if !ok {
		kind, rest = MarkFault, e.Text
	}
	c.mark(e, Mark{Kind: kind, Text: rest})
	if kind == MarkPaused {
		if d, err := time.ParseDuration(strings.TrimPrefix(rest, "of ")); err == nil {
			c.mark(&sim.Event{At: e.At + d, From: e.From}, Mark{Kind: MarkResumed})
		}
	}
}

// marks adds the end of the faults, which nothing announces, and sorts.
func (c *converter) marks() {
	cut := false
	for _, m := range c.out.Marks {
		cut = m.Kind == MarkCut || cut && m.Kind != MarkHealed
	}
	if cut {
		c.out.Marks = append(c.out.Marks, Mark{At: c.plan.Quiet, Party: Everyone, Kind: MarkHealed})
	}
	slices.SortStableFunc(c.out.Marks, func(a, b Mark) int { return cmp.Compare(a.At, b.At) })
}

// fates finds what did not arrive: what the network says missed its receiver, and
// what came while it was down.
func (c *converter) fates() {
	type arrival struct {
		channel
		at    time.Duration
		bytes int
	}
	missed := map[arrival]bool{}
	for _, e := range c.missed {
		missed[arrival{channel{e.From, e.To}, e.At, e.Bytes}] = true
	}
	down := make([][]Mark, len(c.out.Parties)) // crashes and starts
	for _, m := range c.out.Marks {
		if m.Party != Everyone && (m.Kind == MarkCrashed || m.Kind == MarkHalted || m.Kind == MarkStarted) {
			down[m.Party] = append(down[m.Party], m)
		}
	}
	for i := range c.out.Messages {
		m := &c.out.Messages[i]
		if m.Fate != FateArrived {
			continue
		}
		if missed[arrival{channel{m.From, m.To}, m.Arrives, m.Bytes}] {
			m.Fate = FateCut
			continue
		}
		list := down[m.To]
		at, _ := slices.BinarySearchFunc(list, m.Arrives, func(x Mark, t time.Duration) int { return cmp.Compare(x.At, t+1) })
		if at > 0 && list[at-1].Kind != MarkStarted {
			m.Fate = FateDown
		}
	}
}

func title(rec *Recording, seed uint64) string {
	replicas, lies, who := 0, []string{}, map[string][]string{}
	for _, p := range rec.Parties {
		if !p.Client {
			replicas++
		}
		if p.Liar == "" {
			continue
		}
		if who[p.Liar] == nil {
			lies = append(lies, p.Liar)
		}
		who[p.Liar] = append(who[p.Liar], p.Name)
	}
	for i, lie := range lies {
		verb := "lies"
		if len(who[lie]) > 1 {
			verb = "lie"
		}
		lies[i] = fmt.Sprintf("%s %s (%s)", strings.Join(who[lie], ", "), verb, lie)
	}
	text := fmt.Sprintf("PBFT, %d replicas, seed %d", replicas, seed)
	if len(lies) > 0 {
		text += ": " + strings.Join(lies, ", ")
	}
	return text
}

func configuration(rec *sim.Recording) []Field {
	p := &rec.Plan
	fields := []Field{
		{"seed", fmt.Sprint(p.Seed)},
		{"replicas", fmt.Sprintf("%d, of which %d may fail", rec.Plan.Replicas, consensus.QuorumsOf(rec.Plan.Replicas).F)},
		{"quorum", fmt.Sprint(consensus.QuorumsOf(rec.Plan.Replicas).Quorum)},
		{"clients", fmt.Sprint(rec.Plan.Clients)},
		{"delay", fmt.Sprintf("%v to %v", p.Network.DelayMin, p.Network.DelayMax)},
		{"loss", fmt.Sprintf("%.1f %%", 100*p.Network.Loss)},
		{"duplication", fmt.Sprintf("%.1f %%", 100*p.Network.Duplication)},
		{"time-out", fmt.Sprint(p.Timeout)},
		{"checkpoint every", fmt.Sprint(p.Parameters.CheckpointInterval)},
		{"window", fmt.Sprint(p.Parameters.Window)},
	}
	result := fmt.Sprintf("%d operations done, every invariant held", rec.Report.Completed)
	if b := rec.Report.Broken; b != nil {
		result = "broken: " + b.Invariant + ": " + b.Detail
	}
	return append(fields, Field{"result", result})
}
