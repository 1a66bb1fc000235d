package pbft

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A chaos is a group in which up to f replicas lie, links lose and reorder, and
// correct replicas crash and forget what was not synced.
type chaos struct {
	*network
	t     *rapid.T
	said  map[string]crypto.Digest                     // what correct replicas signed (R36)
	left  map[consensus.ReplicaID]consensus.ViewNumber // views that they asked for (R45)
	names int
}

func newChaos(t *rapid.T) *chaos {
	n := rapid.SampledFrom([]int{4, 4, 5, 6, 7}).Draw(t, "n")
	c := &chaos{network: newNetwork(t, n, small), t: t, said: map[string]crypto.Digest{}, left: map[consensus.ReplicaID]consensus.ViewNumber{}}
	c.lazy = true
	c.sent = c.watch
	liars := rapid.IntRange(0, c.group.F).Draw(t, "liars")
	for i := range liars {
		c.split(consensus.ReplicaID(i))
	}
	return c
}

// split makes a liar of a replica: two engines with one key, each of which speaks
// with a part of the group. They say everything that a twin can contradict.
func (c *chaos) split(id consensus.ReplicaID) {
	first := c.hosts[id]
	second := &host{id: id, liar: true}
	cut := rapid.Uint64().Draw(c.t, "cut")
	first.liar = true
	first.audience = func(to consensus.ReplicaID) bool { return cut&(1<<to) == 0 || cut&(1<<(to+32)) != 0 }
	second.audience = func(to consensus.ReplicaID) bool { return cut&(1<<to) != 0 }
	c.hosts = append(c.hosts, second)
	c.start(second)
}

// watch checks R36 on everything that a correct replica sends.
func (c *chaos) watch(h *host, frame []byte) {
	if h.liar {
		return
	}
	u, err := c.codec.Decode(frame, consensus.Hint{})
	if err != nil {
		c.t.Fatalf("r%d sends what nobody can read: type %d: %v", h.id, frame[0], err)
	}
	var v *Vote
	switch m := u.Value.(type) {
	case *PrePrepare:
		v = &m.Vote
	case *Vote:
		v = m
	case *ViewChange:
		if m.Signer == h.id {
			c.left[h.id] = max(c.left[h.id], m.To)
		}
		return
	default:
		return
	}
	key := fmt.Sprint(v.Signer, v.Kind, v.Header.View, v.Header.Sequence)
	if c.hosts[v.Signer].liar {
		return
	}
	if old, ok := c.said[key]; ok && old != v.Header.Batch {
		c.t.Fatalf("r%d signed two of type %d for view %d sequence %d (R36)", v.Signer, v.Kind, v.Header.View, v.Header.Sequence)
	}
	c.said[key] = v.Header.Batch
	if v.Signer == h.id && v.Header.View < c.left[h.id] {
		c.t.Fatalf("r%d votes in view %d after it asked for view %d (R45)", h.id, v.Header.View, c.left[h.id])
	}
}

// act does one random thing.
func (c *chaos) act() {
	h := c.hosts[rapid.IntRange(0, len(c.hosts)-1).Draw(c.t, "host")]
	switch rapid.IntRange(0, 19).Draw(c.t, "act") {
	case 0, 1, 2, 3:
		if h.halted == "" && h.engine.Room() > 0 {
			c.names++
			c.submitTo(h, fmt.Sprint(c.names))
		}
	case 4, 5:
		c.sync(h)
	case 6:
		c.now = c.now.Add(tickPause)
		for _, h := range c.hosts {
			c.step(h, consensus.Tick{Now: c.now})
		}
	case 7:
		if rapid.IntRange(0, 3).Draw(c.t, "crash") == 0 {
			h.halted = ""
			c.start(h)
		}
	case 8:
		if rapid.IntRange(0, 3).Draw(c.t, "overdue") == 0 {
			c.step(h, consensus.Overdue{})
		}
	case 9:
		for _, h := range c.hosts {
			c.sync(h)
		}
	default:
		c.move()
	}
	c.revive()
}

// move delivers, loses or repeats some packets, out of order.
func (c *chaos) move() {
	for range rapid.IntRange(1, 12).Draw(c.t, "packets") {
		if len(c.queue) == 0 {
			return
		}
		i := rapid.IntRange(0, min(len(c.queue)-1, 8)).Draw(c.t, "packet")
		p := c.queue[i]
		fate := rapid.IntRange(0, 9).Draw(c.t, "fate")
		if fate != 0 {
			c.queue = append(c.queue[:i], c.queue[i+1:]...)
		}
		if fate != 1 {
			c.deliver(p)
		}
	}
	if len(c.queue) > 2000 {
		c.queue = c.queue[len(c.queue)-1000:]
	}
}

// revive lets a liar that met its twin forget everything.
func (c *chaos) revive() {
	for _, h := range c.hosts {
		if h.liar && (h.halted != "" || h.engine.recovering()) {
			*h = host{id: h.id, liar: true, audience: h.audience}
			c.start(h)
		}
	}
}

// check holds what must hold at every moment (R118).
func (c *chaos) check() {
	var longest []crypto.Digest
	for _, h := range c.hosts {
		if h.liar {
			continue
		}
		if h.halted != "" || h.engine.recovering() {
			c.t.Fatalf("r%d halted: %s%s", h.id, h.halted, h.engine.recovery.said)
		}
		for i := range min(len(longest), len(h.executed)) {
			if longest[i] != h.executed[i] {
				c.t.Fatalf("r%d executed another batch at %d", h.id, i+1)
			}
		}
		if len(h.executed) > len(longest) {
			longest = h.executed
		}
	}
	for _, r := range c.reports {
		if !c.hosts[r.Against].liar {
			c.t.Fatalf("evidence against correct r%d (R47)", r.Against)
		}
	}
	c.reports = nil
}

// heal ends all faults but the liars' silence, and expects progress (R120).
func (c *chaos) heal() {
	c.lazy, c.queue = false, nil
	c.drop = func(p packet) bool { return c.hosts[p.from].liar || p.host.liar }
	for _, h := range c.hosts {
		c.sync(h)
	}
	c.run()
	// Sequences fill gaps first; then three fresh batches, over whatever views.
	for range 3 {
		c.names++
		name, done := fmt.Sprint("last", c.names), false
		want := batchOf(c.group, c.scheme, name, c.now).Digest
		for range 600 {
			if done = c.ordered(want); done {
				break
			}
			for _, h := range c.hosts {
				if !h.liar && h.engine.Room() > 0 {
					b := batchOf(c.group, c.scheme, name, c.now)
					c.batches[b.Digest], want = b, b.Digest
					c.step(h, consensus.Submitted{Batch: b})
					c.run()
					break
				}
			}
			c.tick(500 * time.Millisecond)
			// The core's part: a request waits, and its primary does not order it.
			for _, h := range c.hosts {
				if st := h.engine.Status(); !h.liar && st.Waiting == "" && !c.ordered(want) {
					c.step(h, consensus.Overdue{})
				}
			}
			c.run()
		}
		if !done {
			for _, h := range c.hosts {
				fmt.Printf("r%d liar=%v %+v %s\n", h.id, h.liar, h.engine.Status(), h.engine.Waiting())
			}
			c.t.Fatal("no progress after all faults ended (R120)")
		}
	}
}

// ordered reports whether every correct replica executed a batch.
func (c *chaos) ordered(d crypto.Digest) bool {
	for _, h := range c.hosts {
		if h.liar {
			continue
		}
		found := false
		for _, x := range h.executed {
			found = found || x == d
		}
		if !found {
			return false
		}
	}
	return true
}

// R2, R3, R36, R40, R45, R47, R58, R65, R71, R78, R118, R120: whatever f lying
// twins, lossy links and crashes do, no two correct replicas execute different
// batches at one sequence, none signs two votes, none is accused or halted, and
// when the faults end the group makes progress.
func TestAgreementUnderLies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newChaos(t)
		for range rapid.IntRange(100, 400).Draw(t, "steps") {
			c.act()
			c.check()
		}
		c.heal()
		c.check()
	})
}
