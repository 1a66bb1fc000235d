package transfer

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine"
)

const (
	// planTimeout is how long a source may take for a plan; what it names may have
	// to be read.
	planTimeout = 2 * time.Second
	// planMore is when one more source is asked for a plan.
	planMore = 500 * time.Millisecond
	// planGrace is how long a plan that begins with a snapshot waits for one that
	// does not.
	planGrace = 300 * time.Millisecond
)

// A search is the looking for a plan, at f+1 sources at first: one of them is
// correct.
type search struct {
	asked []bool
	told  []bool // has answered
	open  int    // of those asked, how many have not
	last  time.Time
	best  *plan // begins with a snapshot
	found time.Time
	pause time.Time // nobody had one; all are asked anew then
	due   bool      // as soon as no marker is on its way
}

// ask begins to look for a plan.
func (f *Fetcher) ask(now time.Time, out *Effects) {
	f.drop()
	f.phase, f.plan = planning, nil
	f.search = search{asked: make([]bool, len(f.sources)), told: make([]bool, len(f.sources))}
	for i := range f.sources {
		f.sources[i].lacks = false
	}
	if f.marking() {
		f.search.due = true
		return
	}
	for range f.group.F + 1 {
		f.askOne(now, out)
	}
}

// askOne asks one more source; those that rest come last.
func (f *Fetcher) askOne(now time.Time, out *Effects) bool {
	for _, resting := range []bool{false, true} {
		for k := range f.sources {
			i := (f.turn + k) % len(f.sources)
			if !f.usable(i) || f.search.asked[i] || now.Before(f.sources[i].rests) != resting {
				continue
			}
			f.turn = i + 1
			f.search.asked[i], f.search.last = true, now
			f.search.open++
			f.send(consensus.ReplicaID(i), askPlan{From: f.at.Version.Sequence(), Target: f.target.Sequence, Whole: f.whole}.marshal(), out)
			return true
		}
	}
	return false
}

func (f *Fetcher) searchTick(now time.Time, out *Effects) {
	s := &f.search
	switch {
	case s.due:
	case !s.pause.IsZero():
		if !now.Before(s.pause) {
			f.ask(now, out)
		}
	case s.best != nil && (s.open == 0 || now.Sub(s.found) >= planGrace):
		f.adopt(s.best, now, out)
	case now.Sub(s.last) >= planMore && f.askOne(now, out):
	case now.Sub(s.last) >= planTimeout:
		for i := range f.sources {
			if s.asked[i] && !s.told[i] && f.usable(i) {
				f.tooLate(consensus.ReplicaID(i), now, "no plan in time", out)
			}
		}
		f.nobody(now)
	}
}

// noPlan turns to another source when one has no plan. When nobody is left, all are
// asked once more.
func (f *Fetcher) noPlan(from consensus.ReplicaID, now time.Time, out *Effects) {
	if !f.isAsked(from) {
		return
	}
	f.sources[from].lacks, f.search.told[from] = true, true
	f.search.open--
	f.nextPlan(now, out)
}

func (f *Fetcher) isAsked(from consensus.ReplicaID) bool {
	return f.phase == planning && f.search.pause.IsZero() && !f.search.due && f.search.asked[from] && !f.search.told[from] && f.usable(int(from))
}

func (f *Fetcher) nextPlan(now time.Time, out *Effects) {
	if f.search.open > 0 || f.phase != planning {
		return
	}
	if f.search.best != nil {
		f.adopt(f.search.best, now, out)
		return
	}
	if !f.askOne(now, out) {
		f.nobody(now)
	}
}

// nobody has a plan: all are asked once more after a while, liars too, in turns for a
// whole snapshot. The pause keeps it from being a storm.
func (f *Fetcher) nobody(now time.Time) {
	for i := range f.sources {
		f.sources[i].lied, f.sources[i].lacks = false, false
	}
	f.whole, f.deserts = f.suspect || !f.whole, 0
	f.rounds++
	f.phase = planning
	f.search = search{asked: make([]bool, len(f.sources)), told: make([]bool, len(f.sources)), pause: now.Add(planTimeout)}
}

// onPlan checks that the windows of a plan lead to the certified chain; then it no
// longer matters who sent it (R93).
func (f *Fetcher) onPlan(from consensus.ReplicaID, p plan, now time.Time, out *Effects) {
	if !f.isAsked(from) || p.From != f.at.Version.Sequence() || p.Target != f.target.Sequence {
		return
	}
	at, chain := f.at.Version.Sequence(), f.at.Chain
	if p.Snapshot != nil {
		at, chain = p.Snapshot.Sequence, p.Snapshot.Chain
		if at < f.at.Version.Sequence() || (at == f.at.Version.Sequence() && !f.whole) || at <= f.deserts {
			// No state goes back (R84); what is here is as good, unless nobody has windows
			// that go on from it; and what nearly nobody has is the last resort.
			f.noPlan(from, now, out)
			return
		}
	}
	for _, w := range p.Windows {
		if w.Sequence != at+consensus.Sequence(f.group.Genesis.Parameters.CheckpointInterval) {
			f.badPlan(from, now, out)
			return
		}
		at, chain = w.Sequence, statemachine.NextChain(chain, w.Sequence, w.WriteSet)
	}
	if at != f.target.Sequence || chain != f.target.Chain || (f.suspect && f.whole && p.Snapshot == nil) {
		f.badPlan(from, now, out)
		return
	}
	f.search.open--
	f.search.told[from] = true
	if p.Snapshot == nil {
		f.adopt(&p, now, out)
		return
	}
	if f.search.best == nil || f.search.best.Snapshot.Sequence < p.Snapshot.Sequence {
		if f.search.best == nil {
			f.search.found = now
		}
		f.search.best = &p
	}
	f.nextPlan(now, out)
}

func (f *Fetcher) badPlan(from consensus.ReplicaID, now time.Time, out *Effects) {
	f.search.open--
	f.liar(from, "its plan does not lead to the certified chain", out)
	f.nextPlan(now, out)
}

// adopt goes on with a plan.
func (f *Fetcher) adopt(p *plan, now time.Time, out *Effects) {
	f.plan, f.next, f.search, f.scarce = p, 0, search{}, time.Time{}
	for i := range f.sources {
		// Who was late with an earlier plan is not yet late with this one.
		f.sources[i].lacks, f.sources[i].probed = false, false
	}
	if p.Snapshot != nil {
		f.beginStage(now, out)
		return
	}
	f.follow(now, out)
}
