package sim

import (
	"errors"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/memory"
)

// A storer writes a simulated replica's state, one job after the other, each
// after a while.
type storer struct {
	replica    *Replica
	jobs       []job
	busy       bool
	executions []execution
	snapshots  *core.Snapshotter
	spool      *transfer.MemorySpool // its durable part outlives a crash
}

// An execution waits for the executor, and what the storer told it behind that.
type execution struct {
	consensus.Execute
	then []func()
}

// behind does something when the executor has come to it.
func (s *storer) behind(do func()) {
	if n := len(s.executions); n > 0 {
		s.executions[n-1].then = append(s.executions[n-1].then, do)
		return
	}
	do()
}

// A job either writes or only reads.
type job struct {
	write, read func() error
	installs    bool
}

// Installing reports whether a fetched state is being put in place of the own one.
func (r *Replica) Installing() bool {
	return r.up && r.storer.busy && r.storer.jobs[0].installs
}

func (j job) do() error {
	if j.write != nil {
		return j.write()
	}
	return j.read()
}

func (s *storer) put(j job) {
	s.jobs = append(s.jobs, j)
	s.next()
}

func (s *storer) next() {
	if s.busy || len(s.jobs) == 0 {
		return
	}
	s.busy = true
	s.replica.later(s.replica.world.cfg.SyncMax, s.turn)
}

func (s *storer) turn() {
	j := s.jobs[0]
	if j.write != nil && !s.replica.stored() {
		return
	}
	s.jobs = s.jobs[1:]
	s.busy = false
	if err := j.do(); err != nil && !s.replica.suspected(err) { // what waits for an answer has got it
		s.replica.world.checks.fail("disk", "%s: state: %v", replicaName(int(s.replica.id)), err)
		return
	}
	s.next()
}

// crash ends the write under way after some of its parts, or lets it be as if it
// had not begun, or as if it were whole (R84).
func (s *storer) crash() {
	r := s.replica
	if r == nil || !r.up || !s.busy || s.jobs[0].write == nil {
		return
	}
	r.up = false // nothing comes of it
	r.store.Crash(r.chance.IntN(8))
	if err := s.jobs[0].write(); errors.Is(err, memory.ErrCrashed) {
		r.world.coverage.count("fault write of state ended half-way")
	}
	r.store.Crash(-1)
}

func (s *storer) flush(w *statemachine.Window) error {
	r := s.replica
	v, err := r.store.Next(w.Sequence)
	if err == nil {
		err = r.store.Apply(w.Changes, statemachine.Marker{Version: v, Chain: w.Chain})
	}
	if err != nil {
		if r.suspected(err) {
			r.step(core.Flushed{})
			return nil
		}
		return err
	}
	if r.trusted() {
		r.world.checks.flushed(r.id, w)
	}
	s.behind(func() { r.machine.Flushed(v) })
	r.server.Flushed(w)
	r.step(core.Flushed{Marker: statemachine.Marker{Version: v, Chain: w.Chain}})
	return nil
}

func (s *storer) snapshot(m statemachine.Marker) error {
	n, ok, err := s.snapshots.Snapshot(m)
	if err == nil && ok {
		s.replica.step(core.Snapshotted{Snapshot: n})
	}
	return err
}

// save keeps certified snapshots, and gives back what nobody needs any more.
func (s *storer) save(certificates []wire.SnapshotCertificate, retire []consensus.Sequence) error {
	for _, c := range certificates {
		if err := s.snapshots.Save(c); err != nil {
			return err
		}
	}
	if s.replica.hoards {
		return nil
	}
	for _, below := range retire {
		to, err := s.snapshots.Retirable(below)
		if err != nil {
			return err
		}
		s.behind(func() { s.put(job{write: func() error { return s.replica.store.Retire(to) }}) })
	}
	return nil
}

func (s *storer) install(w transfer.Store) error {
	r := s.replica
	result, err := w.Do(r.store, s.spool)
	marked, in := result.Marked, core.Stored{Result: result}
	if err == nil && marked {
		err = r.machine.Reload()
		in.History, in.Enrolled = r.machine.History(), len(r.machine.Enrolments())
	}
	if err == nil && marked {
		in.Marker, err = r.store.Marker()
		r.world.checks.started(r.id, in.Marker.Version.Sequence())
	}
	if err == nil && w.Assemble != nil && result.OK {
		kind := "whole"
		if w.Assemble.List != nil {
			kind = "by its differences"
		}
		r.world.coverage.count("partition fetched " + kind)
	}
	if err == nil && w.Survey != nil && len(result.Surveyed.Staged) > 0 {
		r.world.coverage.count("transfer resumed after a crash")
	}
	if err == nil && w.Install != nil {
		r.world.coverage.count("state installed from a snapshot")
		r.server.Forget()
		err = s.snapshots.Reload()
	}
	if errors.Is(err, statemachine.ErrRot) && !errors.Is(err, statemachine.ErrRuined) {
		// What was just installed is not what is stored: the process ends, and a new one
		// finds the alarm (R81).
		r.world.coverage.count("installation rotten")
		r.CrashWith(Loss{})
		r.world.restart(r)
		return nil
	}
	if err == nil {
		r.step(in)
	}
	return err
}
