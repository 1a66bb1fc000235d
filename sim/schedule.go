package sim

import (
	"errors"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/store/log"
)

// A Plan is a schedule as data: a world, what its clients do, who lies, and what
// befalls whom when. Equal plans give equal runs. It has a text form, see
// ParsePlan.
type Plan struct {
	Seed       uint64
	Replicas   int
	Clients    int
	Real       bool // Ed25519 instead of simulated signatures
	Parameters consensus.Parameters
	Timeout    time.Duration
	Sync       time.Duration // how long a sync or a flush takes at most
	Network    Conditions
	Load       Load
	Clocks     []PartyClock
	Faults     []Fault
	Steps      []Step        // by time
	Quiet      time.Duration // when the network and the replicas are whole again, but for Faults and Away
	Away       []int         // replicas that stay down or, if they are up then, cut off
}

// A Load is what the clients do.
type Load struct {
	Operations int           // of each client
	InFlight   int           // of each client at once
	Pause      time.Duration // mean time from the end of an operation to the next
	Keys       int           // from 1
	Removals   int           // how often the first client, an operator, removes another one and enrols it again (R34)
}

// A PartyClock is a wrong clock of a replica.
type PartyClock struct {
	Replica int
	Clock
}

// A Fault is a party that lies from the beginning. Party counts replicas first,
// then clients.
type Fault struct {
	Party int
	Name  string // of a registered behaviour, or several joined by "+"
}

// A Verb says what a step does.
type Verb string

// The verbs of steps.
const (
	Crash   Verb = "crash"   // Replica loses power, and Lost and Torn of what it had not synced
	Start   Verb = "start"   // Replica starts again
	Wipe    Verb = "wipe"    // Replica loses its disk
	Decay   Verb = "decay"   // some of Replica's stored entries are dropped, flipped, swapped, hidden or broken
	Copy    Verb = "copy"    // Replica's folder is copied
	Roll    Verb = "roll"    // Replica loses power and finds that copy
	Pause   Verb = "pause"   // Replica does nothing for For
	Cut     Verb = "cut"     // From no longer reach To, nor To From unless OneWay
	Slow    Verb = "slow"    // frames from From to To take For longer
	Heal    Verb = "heal"    // no channel is cut or slow any more
	Weather Verb = "weather" // the network becomes like Network
	SetTime Verb = "clock"   // Replica's clock jumps by For

	Kill      Verb = "kill"      // Replica's process ends; its disk keeps what was written
	Fail      Verb = "fail"      // the After-th call of How on Replica's disk fails; it starts again after For, and loses power if Power
	Fill      Verb = "fill"      // Replica's disk has no room for For
	Rot       Verb = "rot"       // something on Replica's disk changes as How says, while it is down
	Misdirect Verb = "misdirect" // the After-th write of Replica's log lands in another place
	Stale     Verb = "stale"     // Replica's process ends after For, and something on its disk is as it was before
)

// A Step is one thing that befalls the world.
type Step struct {
	At         time.Duration
	Do         Verb
	Replica    int
	Lost, Torn float64
	For        time.Duration
	From, To   []int // parties
	OneWay     bool
	Network    Conditions
	How        string // what fails, or how it rots
	After      int    // calls, from 1
	Power      bool
}

// Liars returns how many replicas lie.
func (p *Plan) Liars() (n int) {
	for _, f := range p.Faults {
		if f.Party < p.Replicas {
			n++
		}
	}
	return n
}

// take carries out a step.
func (w *World) take(s Step) {
	switch s.Do {
	case Crash, Start, Wipe, Decay, Copy, Roll, Pause, SetTime:
		w.befall(s)
	case Kill, Fail, Fill, Rot, Misdirect, Stale:
		w.harm(s)
	case Cut:
		w.fault(Nobody, "cut", " %v from %v, one way %v", s.From, s.To, s.OneWay)
		for _, from := range s.From {
			for _, to := range s.To {
				w.Sever(from, to, true)
				if !s.OneWay {
					w.Sever(to, from, true)
				}
			}
		}
		if s.OneWay {
			w.coverage.count("fault cut one way")
		}
	case Slow:
		w.fault(Nobody, "slow", " from %v to %v by %v", s.From, s.To, s.For)
		for _, from := range s.From {
			for _, to := range s.To {
				w.Slow(from, to, s.For)
			}
		}
	case Heal:
		w.fault(Nobody, "heal", "")
		w.Heal()
	case Weather:
		w.fault(Nobody, "weather", " %+v", s.Network)
		w.Weather(s.Network)
	}
}

// befall does what concerns one replica. What makes no sense in its state, as in
// a shrunk schedule, is passed over.
func (w *World) befall(s Step) {
	r := w.replicas[s.Replica]
	switch {
	case s.Do == Crash && r.up:
		w.fault(s.Replica, "crash", ", %.0f%% lost", 100*s.Lost)
		r.CrashWith(Loss{Lost: s.Lost, Torn: s.Torn})
	case s.Do == Start && !r.up:
		w.restart(r)
	case s.Do == Wipe:
		w.fault(s.Replica, "wipe", "")
		r.Wipe()
	case s.Do == Decay:
		w.fault(s.Replica, "decay", "")
		r.Decay()
	case s.Do == Copy && r.up:
		r.Copy()
	case s.Do == Roll && r.copied != nil:
		w.fault(s.Replica, "old copy", "")
		r.Rollback()
	case s.Do == Pause && r.up:
		w.fault(s.Replica, "pause", " of %v", s.For)
		r.Pause(s.For)
	case s.Do == SetTime:
		w.fault(s.Replica, "clock", " by %v", s.For)
		r.clock.Offset += s.For
	}
}

// restart starts a replica. One whose log is refused, or gone, starts with an empty
// one and no vote (R83, R92), one whose disk fails or is full is started again later,
// and one that lies may be refused by what it logged of its own lies (R7).
func (w *World) restart(r *Replica) {
	t := &r.trouble
	harmed := t.harmed
	err := r.Start()
	switch {
	case harmed && refuses(err):
		w.fault(int(r.id), "damaged log set aside", "")
		r.setAside(err)
		w.restart(r)
	case t.failed && errors.Is(err, errIO):
		r.ends("by an error of the log", t.fail.For, t.fail.Power)
	case t.short && errors.Is(err, log.ErrNoSpace):
		r.ends("for want of room for the log", retryAfter, false)
	case harmed && err == nil:
		w.fault(int(r.id), "start", " in spite of its disk")
		w.coverage.count("fault harm without effect")
	case err == nil:
		w.fault(int(r.id), "start", "")
	case r.behaviour == nil:
		w.checks.fail("restart", "%v", err)
	default:
		w.fault(int(r.id), "liar refused by its log", "")
	}
}

// refuses reports whether opening a log ended in words for what it lost.
func refuses(err error) bool {
	return errors.Is(err, log.ErrDamaged) || errors.Is(err, log.ErrForeign) || errors.Is(err, log.ErrVersion)
}
