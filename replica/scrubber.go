package replica

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/statemachine"
)

const (
	// DefaultScrubKeys is how many stored keys are compared with what was certified
	// in a second (R56): 2 % of a processor, and a round over a million keys in seven
	// minutes (BenchmarkScrub of store/state).
	DefaultScrubKeys = 2500

	// scrubPiece is how many keys are compared at once: less than a millisecond for
	// which nothing else is written.
	scrubPiece = 128

	// scrubIdle is how often a scrub looks whether there is something to compare with.
	scrubIdle = 200 * time.Millisecond

	// scrubRest is the least time from one round to the next, and from one table to the
	// next.
	scrubRest = time.Second
)

// A scrubber lets the storer compare what is stored with what was certified, a piece
// at a time: a first round at once, which takes half of the storer's time, and then
// for ever at a bounded rate (R56). Until the first round has ended no state is served.
type scrubber struct {
	jobs  *mailbox[storeWork]
	keys  int // each second, after the first round; below 0: never
	check func() (more bool, err error)
	found func(error)
	first atomic.Bool // a round has ended, or there is nothing to compare with

	mu    sync.Mutex
	state Scrubbed
}

// Scrubbed says how far the comparison of the stored state with certified digests is.
type Scrubbed struct {
	Rounds  uint64 `json:"rounds"` // since the start
	Keys    uint64 `json:"keys"`   // passed in the present one
	Of      uint64 `json:"of"`
	Waiting bool   `json:"waiting,omitempty"` // there is nothing to compare with yet
}

// run scrubs until the context ends.
func (s *scrubber) run(ctx context.Context) {
	if s.keys < 0 {
		s.first.Store(true)
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	answer := make(chan Scrubbed, 1)
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		began := time.Now()
		s.jobs.put(scrubJob{keys: scrubPiece, done: answer})
		var now Scrubbed
		select {
		case now = <-answer:
		case <-ctx.Done():
			return
		}
		s.note(now)
		timer.Reset(s.pause(now, time.Since(began)))
	}
}

// pause is how long to rest after a piece.
func (s *scrubber) pause(now Scrubbed, took time.Duration) time.Duration {
	switch {
	case now.Waiting:
		return scrubIdle
	case now.Rounds == 0:
		return took
	}
	if now.Keys == 0 { // a round has ended
		return scrubRest
	}
	return max(scrubPiece*time.Second/time.Duration(s.keys), took)
}

// runTables checks one table after the other, for ever, and takes a hundredth of the
// time for it. At the start all were checked before they were opened.
func (s *scrubber) runTables(ctx context.Context) {
	if s.keys < 0 {
		return
	}
	for rest := scrubRest; ; {
		select {
		case <-time.After(rest):
		case <-ctx.Done():
			return
		}
		began := time.Now()
		if _, err := s.check(); err != nil {
			s.found(err)
		}
		rest = max(scrubRest, 100*time.Since(began))
	}
}

func (s *scrubber) note(now Scrubbed) {
	if now.Rounds > 0 || now.Waiting {
		s.first.Store(true)
	}
	s.mu.Lock()
	s.state = now
	s.mu.Unlock()
}

func (s *scrubber) status() Scrubbed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// scrub compares one piece.
func (s *storer) scrub(j scrubJob) error {
	_, err := s.snapshots.Scrub(j.keys)
	var now Scrubbed
	now.Rounds, now.Keys, now.Of, now.Waiting = s.snapshots.Scrubbed()
	j.done <- now
	return err
}

// suspected tells the core of rot in the state, and reports whether an error is that
// (R51, R121). The core then lets the state be repaired.
func suspected(err error, internal *mailbox[core.Input]) bool {
	if !errors.Is(err, statemachine.ErrRot) {
		return false
	}
	internal.put(core.Suspected{Reason: err.Error(), Ruined: errors.Is(err, statemachine.ErrRuined)})
	return true
}

// watched is a store for readers whose own answer to rot is to go without: it tells
// the core, so that no answer leaves that rests on it.
type watched struct {
	statemachine.Store
	internal *mailbox[core.Input]
}

func (w watched) Scan(start, end []byte, at statemachine.Version, yield func(key, value []byte) bool) error {
	err := w.Store.Scan(start, end, at, yield)
	suspected(err, w.internal)
	return err
}

func (w watched) Salvage(at statemachine.Version, yield func(key, value []byte, damaged bool) bool) error {
	var rot error
	err := w.Store.Salvage(at, func(key, value []byte, damaged bool) bool {
		if damaged && rot == nil {
			rot = fmt.Errorf("%w: the entry of key %q is damaged", statemachine.ErrRot, key)
		}
		return yield(key, value, damaged)
	})
	suspected(errors.Join(rot, err), w.internal)
	return err
}

func (w watched) Window(after, through statemachine.Version) ([]statemachine.Change, error) {
	changes, err := w.Store.Window(after, through)
	suspected(err, w.internal)
	return changes, err
}

func (w watched) SavedSnapshot() ([]byte, error) {
	saved, err := w.Store.SavedSnapshot()
	suspected(err, w.internal)
	return saved, err
}

// alarms makes durable what the core says about its own state before anything else of
// the same output is done, and shows it (R51).
func (r *Replica) alarms(out *core.Output) {
	for _, reason := range out.Alarm {
		r.logger.Error("alarm: the own state is suspect; this replica counts as faulty until it is repaired", "reason", reason)
		if err := r.folder.raise(reason, time.Now()); err != nil {
			r.fail(failure(ExitDisk, "the alarm cannot be kept: %w", err))
		}
	}
	for _, at := range out.Repaired {
		r.emptied = false
		r.logger.Warn("the own state is repaired; the alarm stays until it is cleared with `replica alarm --clear`: look at the disk", "checkpoint", at)
		if err := r.folder.repaired(at); err != nil {
			r.logger.Error("alarm", "reason", err)
		}
	}
	if out.GiveUp {
		cause := errGivenUp
		if r.emptied {
			cause = errRuinedAgain
		}
		r.fail(errors.Join(&Error{Code: ExitDisk, Cause: cause}, r.folder.giveUp()))
	}
}

// errGivenUp ends a replica that begins again at once, with its state set aside.
var errGivenUp = errors.New("no repair in place helps the suspect state, or nothing certified takes its place: start again, and the state is set aside and fetched anew")

// errRuinedAgain ends one whose disk ruins the state while it is fetched anew: that it
// begins again at once would not help.
var errRuinedAgain = errors.New("the state was ruined again before it was fetched anew: look at the disk; the next start fetches it once more")

// suspects returns why an earlier life did not believe the state, if it was not
// repaired since.
func (r *Replica) suspects() string {
	if _, a := readAlarm(r.folder.path); a != nil && a.Open {
		return a.Reason
	}
	return ""
}
