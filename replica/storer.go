package replica

import (
	"context"
	"errors"
	"fmt"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
)

// A storeWork is something that the storer writes, in order.
//
//sumtype:decl
type storeWork interface{ isStoreWork() }

type (
	flushJob    struct{ window *statemachine.Window }
	snapshotJob struct{ marker statemachine.Marker }
	saveJob     struct{ certificate wire.SnapshotCertificate }
	retireJob   struct{ below consensus.Sequence }
	// retiredJob is a retireJob that has been by way of the executor.
	retiredJob  struct{ below statemachine.Version }
	storeJob    struct{ transfer.Store }
	evidenceJob struct{ consensus.Evidence }
	scrubJob    struct {
		keys int
		done chan<- Scrubbed
	}
)

func (flushJob) isStoreWork()    {}
func (snapshotJob) isStoreWork() {}
func (saveJob) isStoreWork()     {}
func (retireJob) isStoreWork()   {}
func (retiredJob) isStoreWork()  {}
func (storeJob) isStoreWork()    {}
func (evidenceJob) isStoreWork() {}
func (scrubJob) isStoreWork()    {}

// A storer is the one writer of the state: flushes, snapshots and transfers, one
// after the other, in the background of ordering and execution (design, idea 7).
type storer struct {
	store     statemachine.Store
	reads     *interruptible // what the snapshots read through
	snapshots *core.Snapshotter
	spool     transfer.Spool
	evidence  func(consensus.Evidence)
	jobs      *mailbox[storeWork]
	executor  *mailbox[execJob]
	internal  *mailbox[core.Input]
	keep      func(*statemachine.Window) // has the server keep what is flushed
	forget    func()                     // and drop what it kept
	fail      func(error)
}

func (s *storer) run(ctx context.Context) {
	unhook := context.AfterFunc(ctx, func() { s.reads.stopping.Store(true) })
	defer unhook()
	for {
		select {
		case <-s.jobs.wake:
		case <-ctx.Done():
			return
		}
		for _, j := range s.jobs.take() {
			err := s.do(ctx, j)
			if errors.Is(err, errStopping) {
				return
			}
			if err != nil && !s.survives(j, err) {
				s.fail(err)
				return
			}
		}
	}
}

func (s *storer) do(ctx context.Context, j storeWork) error {
	switch j := j.(type) {
	case flushJob:
		return s.flush(j.window)
	case snapshotJob:
		return s.snapshot(j.marker)
	case saveJob:
		return s.snapshots.Save(j.certificate)
	case retireJob:
		to, err := s.snapshots.Retirable(j.below)
		if err == nil {
			s.executor.put(retiringJob{to})
		}
		return err
	case retiredJob:
		return s.store.Retire(j.below)
	case storeJob:
		return s.install(ctx, j.Store)
	case evidenceJob:
		s.evidence(j.Evidence)
	case scrubJob:
		return s.scrub(j)
	}
	return nil
}

// survives reports whether the core knows what to do about an error: rot that was
// read. A write that reads back otherwise is not that: then the disk fails now. What a
// transfer cannot step over ends it, and with it the state.
func (s *storer) survives(j storeWork, err error) bool {
	switch j.(type) {
	case evidenceJob:
		return false
	case storeJob:
		return errors.Is(err, statemachine.ErrRuined) && suspected(err, s.internal)
	case flushJob:
		if suspected(err, s.internal) {
			s.internal.put(core.Flushed{})
			return true
		}
	case snapshotJob, saveJob, retireJob, retiredJob, scrubJob:
		return suspected(err, s.internal)
	}
	return false
}

// reload lets the machine begin where the store's marker stands now; ok is false if
// the replica ends instead.
func (s *storer) reload(ctx context.Context) (at reloaded, ok bool) {
	done := make(chan reloaded, 1)
	s.executor.put(reloadJob{done})
	select {
	case at = <-done:
		return at, true
	case <-ctx.Done():
		return at, false
	}
}

// flush makes a window durable; only then may its checkpoint be stated (R50).
func (s *storer) flush(w *statemachine.Window) error {
	v, err := s.store.Next(w.Sequence)
	if err != nil {
		return fmt.Errorf("flush at %d: %w", w.Sequence, err)
	}
	m := statemachine.Marker{Version: v, Chain: w.Chain}
	if err := s.store.Apply(w.Changes, m); err != nil {
		return fmt.Errorf("flush at %d: %w", w.Sequence, err)
	}
	s.executor.put(flushedJob{v})
	s.keep(w)
	s.internal.put(core.Flushed{Marker: m})
	return nil
}

// snapshot computes the partition digests at a checkpoint.
func (s *storer) snapshot(m statemachine.Marker) error {
	n, ok, err := s.snapshots.Snapshot(m)
	if ok {
		s.internal.put(core.Snapshotted{Snapshot: n})
	}
	return err
}

// install does one write of a state transfer. After a new marker the machine is
// loaded anew, before anything else can execute (R95).
func (s *storer) install(ctx context.Context, w transfer.Store) error {
	result, err := w.Do(s.store, s.spool)
	if err != nil {
		return err
	}
	if w.Install != nil {
		s.forget()
	}
	in := core.Stored{Result: result}
	if result.Marked {
		at, ok := s.reload(ctx)
		if !ok {
			return nil
		}
		in.History, in.Enrolled = at.history, at.enrolled
		if in.Marker, err = s.store.Marker(); err != nil {
			return err
		}
	}
	if w.Install != nil {
		if err := s.snapshots.Reload(); err != nil {
			return err
		}
	}
	s.internal.put(in)
	return nil
}
