package core

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
)

// recheckCountMax bounds how many requests one tick forwards and asks about.
const recheckCountMax = 256

// patience is how long a request may wait to be executed before this replica
// votes for a view change (R30). It grows with the measured delay, so that plain
// overload deposes nobody, up to a bound.
func (c *Core) patience() time.Duration {
	t := c.engine.Status().Timeout
	return t + min(4*c.pool.delay, 7*t)
}

// watch forwards requests that wait too long to the primary, and tells the engine
// when one is overdue. Only requests that execution would still take count (R31).
func (c *Core) watch(out *Output) {
	status := c.engine.Status()
	if status.ChangingTo > status.View || status.Primary == c.self {
		return
	}
	patience := c.patience()
	asked := 0
	for e := c.pool.first; e != nil && c.pool.age(e) >= patience/2; e = e.next {
		switch {
		case !e.forwarded && asked < recheckCountMax:
			asked++
			e.forwarded = true
			out.Recheck = append(out.Recheck, e.request)
			c.send(consensus.Outbound{
				To: status.Primary, Class: consensus.ClassClient, Frame: wire.RequestFrame(e.request),
			}, out)
		case e.confirmed && c.pool.age(e) >= patience:
			c.step(consensus.Overdue{}, out)
			return
		}
	}
}

// rechecked notes which waiting requests may still depose a primary.
func (c *Core) rechecked(in Rechecked) {
	for _, d := range in.Fresh {
		if e, ok := c.pool.byDigest[d]; ok {
			e.confirmed = true
		}
	}
	for _, d := range in.Stale {
		if e, ok := c.pool.byDigest[d]; ok {
			c.pool.remove(e)
		}
	}
}
