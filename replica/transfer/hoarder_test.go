package transfer

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// drags makes a source slower and slower, always within what is granted at the moment.
func (r *rig) drags(slow consensus.ReplicaID) {
	r.delay = func(from consensus.ReplicaID, _ int) time.Duration {
		if from == slow {
			return r.fetcher.patience() / 4 // for each of the three that are open
		}
		return time.Millisecond
	}
}

// TestHoarder: R94, R96 – windows that a liar alone has kept, and gives slowly, keep no
// transfer from the snapshot that all others have.
func TestHoarder(t *testing.T) {
	r := newRig(t)
	for range 200 {
		r.window(sources, 20, 10)
	}
	r.snapshot([]int{0, 1}, true)
	r.drags(2)
	r.twist = func(from consensus.ReplicaID, q, a consensus.Message) consensus.Message {
		if _, ok := q.(askPlan); ok && from != 2 && r.installs() == 0 && r.fetcher.search.best == nil && !r.fetcher.whole {
			return nil // the liar answers first
		}
		return a
	}
	r.start()
	if !r.run(2 * scarceMax) {
		t.Fatal(r.fetcher.Status())
	}
	r.equal()
	if r.installs() == 0 {
		t.Error("no snapshot was installed; this is about a liar who alone has windows")
	}
}

// TestOldSnapshot: R94, R96 – the same with an older snapshot, for which the liar has a
// plan sooner than others for theirs.
func TestOldSnapshot(t *testing.T) {
	r := changed(t, 20_000, 0)
	r.snapshot([]int{0}, false)
	old := r.at
	for range 2 {
		r.window(sources, 20, 10)
	}
	r.snapshot([]int{1, 2}, true)
	r.drags(0)
	served := r.delay
	r.delay = func(from consensus.ReplicaID, bytes int) time.Duration {
		switch {
		case r.fetcher.phase != planning:
			return served(from, bytes)
		case from == 0:
			return time.Millisecond
		}
		return planMore + 2*planGrace
	}
	r.twist = func(from consensus.ReplicaID, _, a consensus.Message) consensus.Message {
		if _, ok := a.(plan); ok && from == 0 {
			r.free[0] = r.now // that waits for nothing
		}
		return a
	}
	r.start()
	if !r.run(2 * scarceMax) {
		t.Fatal(r.fetcher.Status())
	}
	r.equal()
	if s := r.fetcher.Snapshot(); s == nil || s.Sequence == old {
		t.Errorf("snapshot %+v was installed", s)
	}
}

// TestLoneSource: R96 – a snapshot that only one correct source has any more is fetched
// all the same.
func TestLoneSource(t *testing.T) {
	r := changed(t, 20_000, 0)
	for i := range r.stores[:2] {
		r.check(r.stores[i].SaveSnapshot(nil))
	}
	r.delay = func(consensus.ReplicaID, int) time.Duration { return 100 * time.Millisecond }
	r.start()
	if !r.run(5 * time.Minute) {
		t.Fatal(r.fetcher.Status())
	}
	r.equal()
}
