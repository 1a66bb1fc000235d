package core

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/replica/transfer"
)

// Rates of state transfer, in bytes per second.
const (
	// ServeBytesEach is what one replica is served.
	ServeBytesEach = 32 << 20
	// ServeBytesAll is what all are served together.
	ServeBytesAll = 64 << 20
)

// ServeLimits bound how fast this replica serves states to others, so that votes
// never wait for it (R96, R105). Zero means the default.
type ServeLimits struct {
	BytesPerSecondEach uint64
	BytesPerSecondAll  uint64
}

func (l ServeLimits) complete() ServeLimits {
	if l.BytesPerSecondEach == 0 {
		l.BytesPerSecondEach = ServeBytesEach
	}
	if l.BytesPerSecondAll == 0 {
		l.BytesPerSecondAll = ServeBytesAll
	}
	return l
}

// servingMax is when an answer of the own server is given up as lost.
const servingMax = 10 * time.Second

// One asker may have the server read the state for one scanShare-th of the time, in
// which it serves nobody else (R102). What it owes for that is paid after scanDebtMax.
const (
	scanShare   = 4
	scanDebtMax = servingMax / 2
)

// serving paces what the server of states says. An answer leaves when the budgets of
// its asker and of all are not overdrawn, and is then drawn from both: so that a budget
// below the size of one answer is kept, too.
type serving struct {
	limits ServeLimits
	open   [][]time.Time // by replica: since when its questions are at the server
	waits  []Served      // answers that the budgets hold back, oldest first
	each   []int64
	all    int64
	at     time.Time
}

func newServing(n int, limits ServeLimits) *serving {
	s := &serving{limits: limits.complete(), open: make([][]time.Time, n), each: make([]int64, n)}
	for i := range s.each {
		s.each[i] = int64(s.limits.BytesPerSecondEach)
	}
	s.all = int64(s.limits.BytesPerSecondAll)
	return s
}

// admit reports whether a question may go to the server: a few at a time of each
// replica, so that none keeps it from the others (R102).
func (s *serving) admit(from consensus.ReplicaID, now time.Time) bool {
	open := s.open[from]
	for len(open) > 0 && now.Sub(open[0]) >= servingMax {
		open = open[1:]
	}
	if len(open) >= transfer.QuestionsMax {
		s.open[from] = open
		return false
	}
	s.open[from] = append(open[:len(open):len(open)], now)
	return true
}

// answered takes an answer of the server.
func (s *serving) answered(in Served) {
	if len(s.waits) < transfer.QuestionsMax*len(s.open) {
		s.waits = append(s.waits, in)
	}
}

// forget empties the answers that wait: they were read from a state that is not
// believed any more (R51).
func (s *serving) forget() {
	for i := range s.waits {
		s.waits[i].Frames = nil
	}
}

// tick fills the budgets, up to those of one second.
func (s *serving) tick(now time.Time) {
	if s.at.IsZero() || now.Before(s.at) {
		s.at = now
		return
	}
	passed := min(now.Sub(s.at), time.Second)
	s.at = now
	fill := func(left int64, perSecond uint64) int64 {
		return min(left+bytesIn(passed, perSecond), int64(perSecond))
	}
	for i := range s.each {
		s.each[i] = fill(s.each[i], s.limits.BytesPerSecondEach)
	}
	s.all = fill(s.all, s.limits.BytesPerSecondAll)
}

// bytesIn returns what a rate comes to in a while.
func bytesIn(d time.Duration, perSecond uint64) int64 {
	us := d.Microseconds()
	return int64(perSecond)/1e6*us + int64(perSecond)%1e6*us/1e6
}

// charge draws from an asker's budget for the time that an answer took the server: each
// second as much as for scanShare seconds of bytes, up to scanDebtMax.
func (s *serving) charge(to consensus.ReplicaID, took time.Duration) {
	s.each[to] -= bytesIn(min(scanShare*took, scanDebtMax), s.limits.BytesPerSecondEach)
}

// serve sends what the budgets allow.
func (c *Core) serve(out *Output) {
	s := c.serving
	kept := s.waits[:0]
	for _, w := range s.waits {
		if s.all <= 0 || s.each[w.To] <= 0 {
			kept = append(kept, w)
			continue
		}
		if open := s.open[w.To]; len(open) > 0 {
			s.open[w.To] = open[1:]
		}
		s.charge(w.To, w.Took)
		for _, f := range w.Frames {
			s.all -= int64(len(f))
			s.each[w.To] -= int64(len(f))
			c.send(consensus.Outbound{To: w.To, Class: consensus.ClassState, Frame: f}, out)
		}
	}
	clear(s.waits[len(kept):])
	s.waits = kept
}
