package pbft

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/consensus"
)

// A diary is what one correct replica let out, and what its disk held meanwhile, by
// the position through which its log was durable.
type diary struct {
	frames  []entry
	flushed []entry // of the state, by sequence
	trimmed []entry
}

type entry struct {
	synced consensus.Position
	frame  []byte
	value  uint64
}

// at returns the last value noted when no more was durable than through p.
func at(list []entry, p consensus.Position) (value uint64) {
	for _, x := range list {
		if x.synced <= p {
			value = x.value
		}
	}
	return value
}

// note keeps the diaries up to date after each step of a chaos.
func (c *chaos) note(diaries map[*host]*diary) {
	for _, h := range c.hosts {
		d := diaries[h]
		if d == nil || h.liar {
			continue
		}
		if last := at(d.flushed, h.synced); uint64(h.flushed) != last {
			d.flushed = append(d.flushed, entry{synced: h.synced, value: uint64(h.flushed)})
		}
		if last := at(d.trimmed, h.synced); uint64(h.trimmed) != last {
			d.trimmed = append(d.trimmed, entry{synced: h.synced, value: uint64(h.trimmed)})
		}
	}
}

// reborn starts a replica once more with its log through p, of which the records
// below first are gone, and with the state that was durable then.
func (c *chaos) reborn(h *host, d *diary, first, p consensus.Position) *host {
	x := &host{id: h.id, effects: consensus.Effects{Next: p + 1}}
	x.engine = New(Config{Group: c.group, Self: h.id, Signer: c.signers[h.id]})
	for _, r := range h.log[first-1 : p] {
		if err := x.engine.Replay(r); err != nil {
			c.t.Fatalf("r%d with records %d to %d: %v", h.id, first, p, err)
		}
	}
	executed := consensus.Sequence(at(d.flushed, p))
	x.step(c, consensus.Tick{Now: c.now})
	x.step(c, consensus.Started{Executed: executed, Chain: h.chain(executed)})
	return x
}

func (h *host) step(c *chaos, ev consensus.Event) {
	h.effects.Reset()
	h.engine.Step(ev, &h.effects)
	if len(h.effects.Halt) > 0 {
		h.halted = h.effects.Halt[0].Reason
	}
}

// remembers holds a replica that crashed with its log durable through p against
// what it had let out by then: it knows all of it, and its VIEW-CHANGE shows what it
// committed to.
func (c *chaos) remembers(h *host, d *diary, first, p consensus.Position) {
	x := c.reborn(h, d, first, p)
	what := fmt.Sprintf("r%d with records %d to %d of %d", h.id, first, p, len(h.log))
	var commits []*Vote
	asked := consensus.ViewNumber(0)
	for _, sent := range d.frames {
		if sent.synced > p {
			continue
		}
		u, err := c.codec.Decode(sent.frame, consensus.Hint{})
		if err != nil {
			c.t.Fatal(err)
		}
		x.engine.onMessage((h.id+1)%4, u.Value, &x.effects)
		if x.engine.halted || x.engine.recovering() {
			c.t.Fatalf("%s: forgot its own message of type %d: %s", what, sent.frame[0], x.engine.recovery.said)
		}
		switch m := u.Value.(type) {
		case *Vote:
			if m.Kind == TypeCommit && m.Signer == h.id {
				commits = append(commits, m)
			}
		case *ViewChange:
			asked = max(asked, m.To)
		}
	}
	if x.engine.changing < asked {
		c.t.Fatalf("%s: is in view %d and asked for view %d (R71)", what, x.engine.changing, asked)
	}
	x.effects.Reset()
	x.engine.changeTo(max(x.engine.changing, asked)+1, &x.effects)
	change := x.engine.changes[h.id]
	for _, v := range commits {
		if v.Header.Sequence > change.low() && !shows(change, v.Header) {
			c.t.Fatalf("%s: its VIEW-CHANGE lacks n=%d of view %d, for which it sent a commit (R38, R58)", what, v.Header.Sequence, v.Header.View)
		}
	}
}

func shows(c *ViewChange, h Header) bool {
	for i := range c.Prepared {
		p := c.Prepared[i].Header
		if p.Sequence == h.Sequence && (p.View > h.View || p == h) {
			return true
		}
	}
	return false
}

// R7, R38, R58, R71, R78, R80, R123: a replica crashes between any two records of
// its log, and the log begins anywhere at or below the mark to which it was trimmed,
// as segments have it. It knows every message of its own that had left by then.
func TestCrashBetweenAnyTwoRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newChaos(t)
		diaries := map[*host]*diary{}
		for _, h := range c.hosts {
			diaries[h] = &diary{}
		}
		c.sent = func(h *host, frame []byte) {
			c.watch(h, frame)
			if d := diaries[h]; d != nil && !h.liar && frame[0] != byte(TypeStatus) {
				d.frames = append(d.frames, entry{synced: h.synced, frame: frame})
			}
		}
		for range rapid.IntRange(100, 400).Draw(t, "steps") {
			c.act()
			c.check()
			c.note(diaries)
		}
		for _, h := range c.hosts {
			d := diaries[h]
			if h.liar || len(h.log) == 0 {
				continue
			}
			for range 6 {
				p := consensus.Position(rapid.IntRange(0, int(h.synced)).Draw(t, "through"))
				trimmed := min(max(at(d.trimmed, p), 1), uint64(p)+1)
				first := rapid.Uint64Range(1, trimmed).Draw(t, "first")
				c.remembers(h, d, consensus.Position(first), p)
			}
		}
	})
}
