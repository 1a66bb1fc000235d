package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/sim"
)

// A certificate of a lower view in the place of one of a higher view: one batch
// prepared in view 0 at a single replica, another one in view 1 at the same number,
// and committed. In concord-bft an older certificate could overwrite a newer one for
// the same sequence. Source: vmware/concord-bft#509.
//
// R59, R62: among the certificates of a quorum the highest view decides.
func TestLowerView(t *testing.T) {
	r := begin(t, sim.Config{Seed: 4})
	r.increment(0)
	r.serve(5 * time.Second)
	r.level(5 * time.Second)
	before := r.executed(3)
	// View 0: the batch prepares at r0 alone, which then falls silent.
	r.Lose(func(_, to int, frame []byte) bool {
		_, prepare := vote(frame, pbft.TypePrepare)
		_, commit := vote(frame, pbft.TypeCommit)
		return prepare && to != 0 || commit
	})
	r.increment(0)
	r.run(100 * time.Millisecond)
	r.split(1, 2, 3)
	// View 1: the request is ordered anew, and commits at r3 alone.
	r.Lose(func(_, to int, frame []byte) bool {
		v, voted := pbft.ReadVote(frame)
		_, commit := vote(frame, pbft.TypeCommit)
		return voted && v.Header.View == 0 || commit && to != 3 || kind(frame) == pbft.TypeCommitCertificate ||
			kind(frame) == pbft.TypeNewView && frame[8] == 1 && to == 0
	})
	r.until(20*time.Second, "executed by r3 alone", func() bool { return r.executed(3) > before })
	if r.view() != 1 || r.executed(2) != before {
		t.Fatalf("view %d, r2 executed %d: the stage is not set", r.view(), r.executed(2))
	}
	// View 2 is opened by r0, r1 and r2: both certificates are there.
	r.split(0, 1, 2)
	r.until(30*time.Second, "view 2", func() bool { return r.view() >= 2 })
	r.Lose(nil)
	r.until(30*time.Second, "executed by r0", func() bool { return r.executed(0) > before })
	r.Cut(nil)
	r.serve(30 * time.Second)
	r.level(30 * time.Second)
	if n := r.counter(0); n != 2 {
		t.Errorf("the counter is %d after two increments", n)
	}
}
