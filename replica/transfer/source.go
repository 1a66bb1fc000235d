package transfer

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

const (
	// openMax is how many questions are with one source at a time; a server takes
	// one more, for a hold.
	openMax = QuestionsMax - 1
	// QuestionsMax is how many questions of one replica a server takes at a time
	// (R105).
	QuestionsMax = 4

	// A question goes to another source after a multiple of what answers take at
	// the moment, within these bounds.
	patienceFirst = time.Second
	patienceMin   = 250 * time.Millisecond
	patienceMax   = 2 * time.Second

	// A source that was late rests, twice as long each time; nobody rests when
	// nobody else is left.
	restMin = time.Second
	restMax = 32 * time.Second

	// waitRetry is when a source that asked for a while is asked again; waitMax is
	// how long it may go on asking.
	waitRetry = 200 * time.Millisecond
	waitMax   = time.Minute

	// scarceMax is how long a transfer stays with a plan for which no correct source may
	// be left.
	scarceMax = 10 * time.Second
)

// A source is a replica that may have what is needed.
type source struct {
	lied    bool // sent what does not hold: not asked again in this transfer (R94)
	lacks   bool // has not what is asked for
	open    int  // questions that it has not answered
	late    int
	probed  bool      // it was late, and has not answered since
	rests   time.Time // not asked before
	waiting time.Time // since when it asks for a while
	counts  SourceProgress
}

// A Complaint says that a source was turned away from, and why.
type Complaint struct {
	Source consensus.ReplicaID
	Lie    bool // else it was late
	Reason string
}

// openMax is how many questions the source may have: one after it was late, until it
// answers again.
func (s *source) openMax() int {
	if s.probed {
		return 1
	}
	return openMax
}

// usable reports whether a source may be asked at all.
func (f *Fetcher) usable(id int) bool {
	return consensus.ReplicaID(id) != f.self && !f.sources[id].lied && !f.sources[id].lacks
}

// anyUsable reports whether anybody may be asked at all.
func (f *Fetcher) anyUsable() bool {
	for i := range f.sources {
		if f.usable(i) {
			return true
		}
	}
	return false
}

// exhausted reports whether the plan is of no use any more: nobody may be asked, or
// some have not what it needs and the others do not answer. One liar who is silent
// would else keep a transfer at a snapshot that everybody else has given back.
func (f *Fetcher) exhausted() bool {
	lacking := false
	for i := range f.sources {
		if f.usable(i) && !f.sources[i].probed {
			return false
		}
		lacking = lacking || f.sources[i].lacks
	}
	return lacking || !f.anyUsable()
}

// deserted reports whether for some time no more sources have what the plan needs than may
// be faulty. They would else keep a transfer at windows or a snapshot that all others
// have given back, and give them just not too slowly (R94).
func (f *Fetcher) deserted(now time.Time) bool {
	have, faulty := 0, f.group.F
	for i := range f.sources {
		switch {
		case f.usable(i):
			have++
		case f.sources[i].lied:
			faulty--
		}
	}
	if have > faulty {
		f.scarce = time.Time{}
		return false
	}
	if f.scarce.IsZero() {
		f.scarce = now
	}
	return now.Sub(f.scarce) >= scarceMax
}

// pick returns the source for a job that has least to do; false if all have enough.
// Those that rest are asked only if all do.
func (f *Fetcher) pick(j *job, now time.Time) (consensus.ReplicaID, bool) {
	best, overruns := -1, f.fewestOverruns(j)
	for k := range f.sources {
		i := (f.turn + k) % len(f.sources)
		s := &f.sources[i]
		if !f.usable(i) || now.Before(s.rests) || j.overruns(i) > overruns {
			continue
		}
		if s.open < s.openMax() && (best < 0 || s.open < f.sources[best].open) {
			best = i
		}
	}
	if f.allRest(now) {
		best = f.soonest(j, now)
	}
	if best < 0 {
		return 0, false
	}
	f.turn = best + 1
	return consensus.ReplicaID(best), true
}

// allRest reports whether every source that may be asked rests: then none does.
func (f *Fetcher) allRest(now time.Time) bool {
	for i := range f.sources {
		if f.usable(i) && !now.Before(f.sources[i].rests) {
			return false
		}
	}
	return true
}

// soonest returns, of sources that all rest for having been late, the one for a job
// whose rest ends first; -1 if one that asked for a while is among them, or all have enough.
func (f *Fetcher) soonest(j *job, now time.Time) int {
	best, overruns := -1, f.fewestOverruns(j)
	for i := range f.sources {
		s := &f.sources[i]
		switch {
		case !f.usable(i) || s.open >= s.openMax() || j.overruns(i) > overruns:
		case !s.waiting.IsZero() && s.rests.Sub(now) <= waitRetry:
			return -1
		case best < 0 || s.rests.Before(f.sources[best].rests):
			best = i
		}
	}
	return best
}

// patience is how long an answer may take now.
func (f *Fetcher) patience() time.Duration {
	if f.answerTime == 0 {
		return patienceFirst
	}
	return min(max(8*f.answerTime, patienceMin), patienceMax)
}

// answered notes an answer that holds.
func (f *Fetcher) answered(id consensus.ReplicaID, bytes int, took time.Duration) {
	s := &f.sources[id]
	s.waiting, s.probed = time.Time{}, false
	s.counts.Bytes += uint64(bytes)
	f.bytes += uint64(bytes)
	if f.answerTime == 0 {
		f.answerTime = max(took, 1)
	}
	f.answerTime += (max(took, 1) - f.answerTime) / 8
}

// liar turns away from a source that sent what does not hold (R94).
func (f *Fetcher) liar(id consensus.ReplicaID, reason string, out *Effects) {
	s := &f.sources[id]
	if s.lied {
		return
	}
	s.lied = true
	s.counts.Lies++
	out.Complain = append(out.Complain, Complaint{Source: id, Lie: true, Reason: reason})
	f.release(id)
}

// tooLate turns away for a while from a source that did not answer.
func (f *Fetcher) tooLate(id consensus.ReplicaID, now time.Time, reason string, out *Effects) {
	s := &f.sources[id]
	if !now.Before(s.rests) {
		s.rests = now.Add(min(restMin<<min(s.late, 10), restMax))
		s.late++
		s.probed = true
		s.counts.Late++
		out.Complain = append(out.Complain, Complaint{Source: id, Reason: reason})
	}
	f.release(id)
}

// release takes all jobs away from a source.
func (f *Fetcher) release(id consensus.ReplicaID) {
	f.sources[id].open = 0
	for _, j := range f.jobs {
		if j.source == id && (j.step == asked || j.step == ready) {
			j.restart()
		}
	}
}
