package core

import (
	"fmt"
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// repair is what a replica does about a state of its own that it does not believe
// (R51, R56, R121): a stored value that does not fit, a digest that is not the
// certified one.
//
// From then on nothing that rests on the state leaves: no receipt, no CHECKPOINT, no
// SNAPSHOT, no answer to a state transfer; what waits for the log is dropped. Votes on
// the order go on, since they rest on the log alone, and a group that has lost f
// others needs them; proposals do not, since only execution tells which requests are
// worth one. The state is then fetched anew from certified digests, by difference, and
// what was ordered above it is executed again.
type repair struct {
	reason string // empty: the state is believed
	begun  bool   // the fetcher was told that what is here is not to be believed
	raised uint64 // how often, in this life

	since   time.Time // when everything else rested
	emptied bool      // what is here is the state of genesis, and right
	ending  bool      // the process is to end, and to begin with that
}

// Alone is why a group of one replica stops, and does not start again, when its state
// is not to be believed.
func Alone(reason string) consensus.Halt {
	return consensus.Halt{
		Cause:  consensus.CauseDiverged,
		Reason: reason + ": a group of one replica has nobody to repair it from; restore the folder from a backup",
	}
}

// suspect begins a repair, unless one is under way.
func (c *Core) suspect(reason string, out *Output) {
	if c.repair.reason != "" || c.halted {
		return
	}
	if c.group.N == 1 {
		c.halted = true
		out.Alarm = append(out.Alarm, reason)
		out.Halt = append(out.Halt, Alone(reason))
		return
	}
	c.repair = repair{reason: reason, raised: c.repair.raised + 1}
	c.moving.suspect = true
	c.moving.parked = nil
	c.snapshots.own = nil
	c.flushing -= c.box.forget()
	c.repeats.forget()
	c.serving.forget()
	// What the same step was about to release.
	c.flushing -= len(out.Flush)
	out.Reply, out.Flush, out.Snapshot, out.Serve = out.Reply[:0], out.Flush[:0], out.Snapshot[:0], out.Serve[:0]
	out.Alarm = append(out.Alarm, reason)
	c.step(consensus.Suspected{}, out)
}

// onSuspected begins a repair. A state that is ruined is given up at once, also in the
// middle of a repair: by difference it would seem to be in order, since what a scan
// finds in its place may be hidden from reads, and what cannot be read at all would
// end each repair.
func (c *Core) onSuspected(in Suspected, out *Output) {
	known := c.repair.reason != ""
	c.suspect(in.Reason, out)
	if !in.Ruined || c.halted || c.repair.ending {
		return
	}
	if known {
		c.repair.reason = in.Reason
		out.Alarm = append(out.Alarm, in.Reason)
	}
	c.repair.ending, out.GiveUp = true, true
}

// repairPatience is how long a repair waits for a certified snapshot that is not
// older than the own state. Until then only what differs has to move; after it
// everything is fetched anew.
const repairPatience = 30 * time.Second

// repairOn begins the transfer that repairs once nothing else writes to the state.
// No state goes back (R84): so it needs a certified one that is not older than the
// marker. A group that rests may not certify one for long, and then the own state is
// given up.
func (c *Core) repairOn(out *Output) {
	m := &c.moving
	if c.executing > 0 || c.flushing > 0 || c.halted || c.repair.ending {
		return
	}
	target := m.stable
	if m.target != nil && m.target.Sequence > target.Sequence {
		target = *m.target
	}
	at := m.marker.Version.Sequence()
	switch {
	case c.repair.emptied && target.Sequence <= at:
		c.repair.begun = true
		c.installed(out) // that of genesis is right, and nothing later is certified
	case m.fetcher.Active() && !c.repair.begun:
		// What began before builds upon what is here: it comes to its end, and repairs
		// nothing.
	case c.repair.since.IsZero():
		c.repair.since = c.now
		fallthrough
	case !m.fetcher.Active() || m.fetcher.Target() < target.Sequence:
		if target.Sequence == 0 || target.Sequence < at {
			c.giveUp(out)
			return
		}
		c.repair.begun = true
		m.fetcher.Start(target, m.marker, !c.repair.emptied, c.now, &m.effects)
		c.carryTransfer(out)
	default:
		c.giveUp(out)
	}
}

// giveUp gives the state up when for long nobody offered one to take its place. While
// there is a plan, what it brings may take as long as it likes, and another plan begins
// anew with all patience. Once a certified state was installed there is nothing to give
// up, whatever is still missing above it.
func (c *Core) giveUp(out *Output) {
	f := c.moving.fetcher
	switch {
	case c.repair.emptied, c.repair.begun && f.Snapshot() != nil:
		return
	case f.Planned():
		c.repair.since = c.now
		return
	case c.now.Sub(c.repair.since) < repairPatience:
		return
	}
	c.repair.ending = true
	out.GiveUp = true
}

// repaired goes on from the state that the transfer has installed. One that was under
// way before the state was suspected has built upon it, and repairs nothing.
func (c *Core) repaired(out *Output) bool {
	if !c.repair.begun || c.repair.ending {
		return false
	}
	m := &c.moving
	c.repair = repair{raised: c.repair.raised}
	m.suspect, m.parked = false, nil
	c.executed = m.marker.Version.Sequence()
	if m.target != nil && m.target.Sequence <= c.executed {
		m.target = nil
	}
	out.Repaired = append(out.Repaired, c.executed)
	return true
}

func (c *Core) repairStatus() string {
	m := &c.moving
	switch {
	case c.repair.reason == "":
		return ""
	case c.repair.begun:
		return fmt.Sprintf("%s; being repaired from checkpoint %d", c.repair.reason, m.fetcher.Target())
	case c.repair.ending || c.repair.emptied:
		return c.repair.reason + "; the state is set aside and fetched anew"
	case m.stable.Sequence < max(m.marker.Version.Sequence(), 1):
		return fmt.Sprintf("%s; waits for the group to certify checkpoint %d or a later one", c.repair.reason, m.marker.Version.Sequence())
	}
	return c.repair.reason + "; waits for what is under way to end"
}
