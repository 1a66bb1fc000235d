package scenario_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
)

// recovering is why a replica signs nothing, or empty.
func (r *rig) recovering(i int) string { return r.Replica(i).Status().Engine.Recovering }

// recovered waits until a replica that forgot may sign again.
func (r *rig) recovered(i int, limit time.Duration) {
	r.t.Helper()
	r.until(limit, fmt.Sprintf("r%d recovers", i), func() bool { return r.Replica(i).Up() && !r.Replica(i).Forgot() })
}

func (r *rig) wipe(i int) {
	r.t.Helper()
	r.Replica(i).Wipe()
	if err := r.Replica(i).Start(); err != nil {
		r.t.Fatal(err)
	}
}

// idleRecovery is within which virtual time a replica recovers although no client
// asks for anything: 2L + 1 null batches, at the base time-out and window here, and
// a state transfer.
const idleRecovery = 10 * time.Second

// A replica with an empty disk that votes as if it were new: with f liars it makes
// a second quorum. Source: Alagappan et al., FAST '18, on what replicated systems do
// after storage faults.
//
// R83, R92: it comes back without a vote, and with one only when it cannot
// contradict the ones that it forgot; also while no client asks for anything.
func TestWipedAndIdle(t *testing.T) {
	for i := range 4 {
		r := begin(t, sim.Config{Seed: 40 + uint64(i)})
		r.load(0, 30)
		r.serve(20 * time.Second)
		r.wipe(i)
		r.until(time.Second, "it says so", func() bool { return strings.Contains(r.recovering(i), "its disk was wiped") })
		r.recovered(i, idleRecovery)
		r.level(10 * time.Second)
		// What was null for its sake ends: the group is idle again.
		r.run(10 * time.Second)
		at := r.executed(0)
		r.run(time.Minute)
		if r.executed(0) != at {
			t.Errorf("an idle group went on from %d to %d", at, r.executed(0))
		}
	}
}

// R7, R36, R92, R120: every replica of the group loses its disk in turn, under load,
// the primaries too. Each one recovers, none contradicts itself, nothing is lost, and
// every one is needed for the next to recover.
func TestWipedInTurn(t *testing.T) {
	for seed := uint64(0); seed < 6; seed++ {
		r := begin(t, sim.Config{Seed: 50 + seed, SyncMax: 5 * time.Millisecond})
		for round := range 8 {
			i := (round + int(seed)) % 4
			r.load(0, 10)
			r.load(1, 10)
			r.run(time.Duration(1+seed*37%50) * time.Millisecond)
			r.wipe(i)
			r.run(time.Duration(seed*61%80) * time.Millisecond)
			r.load(1, 5)
			r.recovered(i, 60*time.Second)
			r.serve(60 * time.Second)
		}
		if got := r.counter(0); got != 8*25 {
			t.Errorf("seed %d: the counter is %d, not %d", seed, got, 8*25)
		}
		r.level(60 * time.Second)
	}
}

// R91: a folder put back from an older copy looks whole, and votes again on what it
// voted on before. Source: Telcoin-Association/telcoin-network#391. The others tell
// it, before it signs anything.
func TestOldCopy(t *testing.T) {
	for seed := uint64(0); seed < 10; seed++ {
		r := begin(t, sim.Config{Seed: 60 + seed})
		i := int(seed % 4)
		r.load(0, 3+int(seed))
		r.serve(10 * time.Second)
		r.Replica(i).Copy()
		// Not just up to a checkpoint: what that covers may be forgotten.
		for more := 1 + int(seed)%3; more > 0 || r.executed(i)%4 == 0; more-- {
			r.load(0, 1)
			r.serve(10 * time.Second)
		}
		r.run(100 * time.Millisecond)
		r.Replica(i).Rollback()
		if err := r.Replica(i).Start(); err != nil {
			t.Fatal(err)
		}
		r.load(1, 3)
		r.until(5*time.Second, "it finds out", func() bool { return r.recovering(i) != "" })
		if why := r.recovering(i); !strings.Contains(why, "rolled back") {
			t.Errorf("it says %q", why)
		}
		r.recovered(i, 60*time.Second)
		r.serve(60 * time.Second)
		r.level(60 * time.Second)
	}
}

// R91, R120: after a power failure all ask all, and all answer while they wait for
// answers themselves.
func TestAllAskAll(t *testing.T) {
	r := begin(t, sim.Config{Seed: 70})
	r.load(0, 20)
	r.run(50 * time.Millisecond)
	for i := range 4 {
		r.Replica(i).Crash()
	}
	for i := range 4 {
		if err := r.Replica(i).Start(); err != nil {
			t.Fatal(err)
		}
	}
	r.serve(10 * time.Second)
	for i := range 4 {
		if why := r.recovering(i); why != "" {
			t.Errorf("r%d: %s", i, why)
		}
	}
}

// R92, R94: one of seven is wiped while another one lies about what it holds of it,
// claims to recover itself, or gives wrong states.
func TestWipedAmongLiars(t *testing.T) {
	for k, name := range []string{"recall-denied", "recall-denied+state-chunk", "recall-fill", "checkpoint-wrong+certificates", "equivocate+recall-denied", "mute", "vc-stale+nv-two"} {
		t.Run(name, func(t *testing.T) {
			r := begin(t, sim.Config{Seed: 80 + uint64(k), Replicas: 7})
			r.corrupt(k%2, name)
			r.load(0, 30)
			r.run(200 * time.Millisecond)
			for _, i := range []int{6, 3} {
				r.wipe(i)
				r.load(1, 5)
				r.recovered(i, 2*time.Minute)
			}
			r.serve(time.Minute)
			r.level(time.Minute)
		})
	}
}

// R31, R75, R101: a member that claims for ever to recover makes an idle group order
// no more null batches than the budget, and deposes nobody.
func TestRecoversForEver(t *testing.T) {
	r := begin(t, sim.Config{Seed: 90})
	r.load(0, 3)
	r.serve(5 * time.Second)
	at := r.executed(0)
	r.corrupt(3, "recall-fill")
	r.run(time.Hour)
	p := r.Group().Genesis.Parameters
	// The budget of a period comes back six times in an hour, and a primary begins
	// with two.
	if most := 8 * (3*p.Window + 2*p.CheckpointInterval); uint64(r.executed(0)-at) > most {
		t.Errorf("%d null batches in an hour; at most %d are allowed", r.executed(0)-at, most)
	}
	if r.view() != 0 {
		t.Errorf("view %d", r.view())
	}
	r.lied()
	// Another one that really recovers needs no more than what comes back.
	r.wipe(2)
	r.recovered(2, 15*time.Minute)
	r.load(0, 3)
	r.serve(5 * time.Second)
}
