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

// forwardsPerWait is into how many parts a request's time is cut: after the first
// half of them it is forwarded, and again after each further one, since a frame may
// be lost and the primary's pool full.
const forwardsPerWait = 8

// watch forwards requests that wait too long to the primary, and tells the engine
// when one is overdue. Only requests that execution would still take count (R31),
// which a replica that is catching up cannot know.
func (c *Core) watch(out *Output) {
	status := c.engine.Status()
	if status.ChangingTo > status.View || status.Primary == c.self || c.moving.active() {
		return
	}
	patience := c.patience()
	asked := 0
	for e := c.pool.first; e != nil && c.pool.age(e) >= patience/2; e = e.next {
		next := patience / forwardsPerWait * time.Duration(forwardsPerWait/2+e.forwards)
		switch {
		case e.confirmed && c.pool.age(e) >= patience:
			c.step(consensus.Overdue{}, out)
			return
		case c.pool.age(e) >= next && asked < recheckCountMax:
			asked++
			e.forwards++
			out.Recheck = append(out.Recheck, e.request)
			c.send(consensus.Outbound{
				To: status.Primary, Class: consensus.ClassClient, Frame: wire.RequestFrame(e.request),
			}, out)
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
