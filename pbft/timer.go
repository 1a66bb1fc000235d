package pbft

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// timers are moved by Tick only. clock is the time that passed between Ticks,
// with jumps of the wall clock cut: deadlines are points on it (R89).
type timers struct {
	now   time.Time
	clock time.Duration

	progress     alarm // for the lowest sequence not ordered (R42)
	progressFor  consensus.Sequence
	progressIn   consensus.ViewNumber
	newViewAlarm alarm // for the NEW-VIEW, once a quorum asked for it (R67)

	statusAt    time.Duration
	statusPause time.Duration
	retryAt     time.Duration
	reason      string // why nothing moved at the last Tick
}

func newTimers(cfg Config) timers { return timers{statusPause: cfg.StatusInterval} }

// An alarm is a deadline that may be unset.
type alarm struct {
	set bool
	at  time.Duration
}

func (a *alarm) due(clock time.Duration) bool { return a.set && clock >= a.at }

// doubled returns d times 2^n without overflow, for d up to a day.
func doubled(d time.Duration, n int) time.Duration { return d << min(n, 16) }

// timeout is how long the present step may take: T doubled with each fruitless
// view change in a row, up to the maximum (R67).
func (e *Engine) timeout() time.Duration {
	return min(doubled(e.cfg.Timeout, e.fruitless), e.cfg.TimeoutMax)
}

func (e *Engine) onTick(now time.Time, out *consensus.Effects) {
	if !e.now.IsZero() {
		e.clock += min(max(now.Sub(e.now), 0), e.cfg.Timeout/2)
	}
	e.now = now
	if !e.started {
		return
	}
	e.judgeAgain(out)
	switch {
	case e.progress.due(e.clock), e.newViewAlarm.due(e.clock):
		e.changeTo(e.changing+1, out)
	case e.greedyPrimary():
		e.changeTo(e.view+1, out)
	}
	if e.clock >= e.retryAt {
		e.retryAt = e.clock + e.cfg.StatusInterval
		e.wantAgain(out)
	}
	e.transfer(out)
	e.fill(out)
	e.askAgain(out)
	e.tellStatus(out)
	e.reason = e.Waiting()
	e.recovery.say(e)
}

// judgeAgain looks again at proposals that the clock held back (R37).
func (e *Engine) judgeAgain(out *consensus.Effects) {
	for n := max(e.ordered, e.certified) + 1; n <= e.top; n++ {
		if s := e.slots[n]; s != nil && s.fresh && s.votedAt == 0 {
			e.advance(s, out)
		}
	}
}

func (e *Engine) wantAgain(out *consensus.Effects) {
	for n := e.lowest(); n <= e.top; n++ {
		if s := e.slots[n]; s != nil {
			e.want(s, out)
		}
	}
}

// watchProgress runs after every event. The timer belongs to the lowest sequence
// that is not ordered, so that work above a gap is no progress (R42). It stands
// still when nothing is open and nobody asked for more (R75), when only a checkpoint is missing (R43), and
// when the lag is this replica's own: the group has certified or committed what
// is missing here.
func (e *Engine) watchProgress() {
	waiting := e.started && !e.halted && !e.mute() && e.active() && !e.transferring && e.ordered >= e.certified && e.ordered < e.high() &&
		(e.top > e.ordered || e.fillWanted())
	if s := e.slots[e.ordered+1]; waiting && s != nil && s.certificate != nil {
		waiting = false
	}
	if !waiting {
		e.progress.set = false
		return
	}
	if e.progress.set && e.progressFor == e.ordered+1 && e.progressIn == e.view {
		return
	}
	e.progress = alarm{set: true, at: e.clock + e.timeout()}
	e.progressFor, e.progressIn = e.ordered+1, e.view
}

// onExecuted ends the doubling of time-outs: requests are executed in this view
// (R67).
func (e *Engine) onExecuted(n consensus.Sequence) {
	if e.active() && e.executedInView(n) {
		e.fruitless = 0
	}
}

// onOverdue votes against a primary that leaves out a request (R30). While only a
// checkpoint keeps it from proposing, it is not to blame (R43), and neither is it
// while this replica is behind with executing.
func (e *Engine) onOverdue(out *consensus.Effects) {
	if e.started && e.active() && !e.transferring && e.ordered < e.high() && !e.backlogged() {
		e.changeTo(e.view+1, out)
	}
}
