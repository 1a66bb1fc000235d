package sim

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
)

// A storer writes a simulated replica's state, one job after the other, each
// after a while.
type storer struct {
	replica    *Replica
	jobs       []func()
	busy       bool
	executions []consensus.Execute
	snapshots  *core.Snapshotter
	spool      transfer.MemorySpool
}

func (s *storer) put(job func()) {
	s.jobs = append(s.jobs, job)
	s.next()
}

func (s *storer) next() {
	if s.busy || len(s.jobs) == 0 {
		return
	}
	s.busy = true
	s.replica.later(0, s.replica.world.cfg.SyncMax, func() {
		job := s.jobs[0]
		s.jobs = s.jobs[1:]
		s.busy = false
		job()
		s.next()
	})
}

// fail reports an error of the store, which never fails by itself.
func (s *storer) fail(err error) {
	s.replica.world.checks.fail("%s: state: %v", replicaName(int(s.replica.id)), err)
}

func (s *storer) flush(w *statemachine.Window) {
	r := s.replica
	v, err := r.store.Next(w.Sequence)
	if err == nil {
		err = r.store.Apply(w.Changes, statemachine.Marker{Version: v, Chain: w.Chain})
	}
	if err != nil {
		s.fail(err)
		return
	}
	r.machine.Flushed(v)
	r.step(core.Flushed{Marker: statemachine.Marker{Version: v, Chain: w.Chain}})
}

func (s *storer) snapshot(m statemachine.Marker) {
	n, ok, err := s.snapshots.Snapshot(m)
	if err != nil {
		s.fail(err)
		return
	}
	if ok {
		s.replica.step(core.Snapshotted{Snapshot: n})
	}
}

func (s *storer) save(c wire.SnapshotCertificate) {
	if err := s.snapshots.Save(c); err != nil {
		s.fail(err)
	}
}

func (s *storer) install(w transfer.Store) {
	r := s.replica
	marked, err := w.Do(r.store, &s.spool)
	in := core.Stored{}
	if err == nil && marked {
		err = r.machine.Reload()
		in.History = r.machine.History()
	}
	if err == nil && marked {
		in.Marker, err = r.store.Marker()
	}
	if err == nil && w.Install != nil {
		err = s.snapshots.Reload()
	}
	if err != nil {
		s.fail(err)
		return
	}
	r.step(in)
}
