package sim

import (
	"math/bits"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/statemachine"
)

// promises is what correct replicas are bound by, as far as it left them.
type promises struct {
	left []consensus.ViewNumber // by replica: highest view that it asked for
	top  consensus.Sequence     // highest one about which anybody voted
	old  []consensus.Sequence   // by replica: top when its present life, or its present state, began
	time []consensus.Time       // by replica: agreed time of the last batch since then
}

func newPromises(n int) promises {
	return promises{left: make([]consensus.ViewNumber, n), old: make([]consensus.Sequence, n), time: make([]consensus.Time, n)}
}

// begins notes that a replica starts from its disk or from another one's state.
// What it committed before need not have left it.
func (p *promises) begins(by consensus.ReplicaID) { p.old[by], p.time[by] = p.top, 0 }

// voted checks that a replica does not vote in a view that it left (R45), not even
// after a restart (R71).
func (c *checks) voted(by consensus.ReplicaID, kind consensus.MessageType, h pbft.Header) {
	if h.View < c.left[by] && c.bound(by) {
		c.fail("left views", "%s votes in view %d at %d with a %s, after it asked for view %d",
			replicaName(int(by)), h.View, h.Sequence, messageNames[kind], c.left[by])
	}
}

// leaves checks that a VIEW-CHANGE shows what its sender may have helped to
// commit: for each sequence above its checkpoint, a certificate of a view no lower
// than that of the last commit that left it (R57, R58, R59).
func (c *checks) leaves(by consensus.ReplicaID, m *pbft.ViewChange) {
	c.left[by] = max(c.left[by], m.To)
	low := consensus.Sequence(0)
	if m.Stable != nil {
		low = m.Stable.Sequence
	}
	shown := map[consensus.Sequence]consensus.ViewNumber{}
	for i := range m.Prepared {
		shown[m.Prepared[i].Header.Sequence] = m.Prepared[i].Header.View
	}
	for n := low + 1; n <= low+consensus.Sequence(c.world.cfg.Parameters.Window); n++ {
		for _, s := range c.slots[n] {
			if s.by[2]>>by&1 == 0 || s.view >= m.To || !c.bound(by) {
				continue
			}
			if v, ok := shown[n]; !ok || v < s.view {
				c.fail("prepared is kept", "%s asks for view %d and does not show that %s prepared in view %d at %d",
					replicaName(int(by)), m.To, s.batch.Short(), s.view, n)
			}
		}
	}
}

// replied checks that what a reply tells rests on commits that left (R6), and that
// it gives a request the result of its own execution (R25, R28).
func (c *checks) replied(by consensus.ReplicaID, reply core.Reply) {
	for i := range reply.Outcomes {
		o := &reply.Outcomes[i]
		c.rests(by, o.Leaf.Sequence, "replies about")
		if len(o.Results) == 0 || consensus.ResultClass(o.Results[0]) > consensus.ResultLimit {
			continue
		}
		if old, ok := c.first[requestKey{o.Leaf.Client, o.Leaf.Session, o.Leaf.Timestamp}]; !ok || old != o.Leaf {
			c.fail("replies", "%s gives request %s a result that no correct replica has of it", replicaName(int(by)), o.Leaf.Request.Short())
		}
	}
}

// flushes checks the same of a window that begins to become durable (R125).
func (c *checks) flushes(by consensus.ReplicaID, w *statemachine.Window) {
	for k := range consensus.Sequence(c.world.cfg.Parameters.CheckpointInterval) {
		c.rests(by, w.Sequence-k, "stores")
	}
}

// rests checks that a quorum committed what a replica acts upon, its own commit,
// if it is among them, being durable by then and out.
func (c *checks) rests(by consensus.ReplicaID, n consensus.Sequence, what string) {
	if n <= c.old[by] || c.world.group.Quorum == 1 {
		return
	}
	for _, s := range c.slots[n] {
		if bits.OnesCount64(s.by[2]|c.faulty()) >= c.world.group.Quorum {
			return
		}
	}
	c.fail("persist, then send", "%s %s %d, which a quorum did not commit unless it counts a vote that its log may forget",
		replicaName(int(by)), what, n)
}

// timed checks that agreed time goes forward with every batch but a null batch,
// and never back (R37).
func (c *checks) timed(by consensus.ReplicaID, b *consensus.Batch, x *statemachine.Execution) {
	if last := c.time[by]; x.Time < last || x.Time == last && !b.Null() {
		c.fail("agreed time", "%s executed %d at %d, after a batch at %d", replicaName(int(by)), x.Sequence, x.Time, last)
	}
	c.time[by] = x.Time
}
