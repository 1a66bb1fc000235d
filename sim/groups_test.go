package sim

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// A tally knows what was acknowledged of a counter.
type tally struct {
	w         *World
	total     int
	submitted int
	finished  int
	values    map[int]bool // each increment gives a value of its own (R23)
	highest   int
	wrong     []string
}

// count keeps some increments of each client under way until total are done.
func count(w *World, total, each int) *tally {
	t := &tally{w: w, total: total, values: map[int]bool{}}
	for i := range w.clients {
		for range each {
			t.next(i)
		}
	}
	return t
}

func (t *tally) next(client int) {
	if t.submitted == t.total {
		return
	}
	t.submitted++
	t.w.Client(client).Invoke(kv.Increment([]byte("n"), 1), func(done session.Completion) {
		t.finished++
		t.next(client)
		if done.Fate != session.Executed || done.Result.Class != consensus.ResultOK {
			t.wrong = append(t.wrong, fmt.Sprintf("fate %v, class %d", done.Fate, done.Result.Class))
			return
		}
		n := int(binary.BigEndian.Uint64(done.Result.Value))
		if t.values[n] {
			t.wrong = append(t.wrong, fmt.Sprintf("value %d twice", n))
		}
		t.values[n] = true
		t.highest = max(t.highest, n)
	})
}

func (t *tally) done() bool { return t.finished == t.total }

// exact fails unless every increment counted once, and none was lost.
func (t *tally) exact(test *testing.T) {
	test.Helper()
	if len(t.wrong) > 0 || t.highest != t.total || len(t.values) != t.total {
		test.Errorf("%d increments gave %d values up to %d; %v", t.total, len(t.values), t.highest, t.wrong[:min(3, len(t.wrong))])
	}
}

func views(w *World) (highest consensus.ViewNumber) {
	for i := range w.replicas {
		s := w.Replica(i).Status().Engine
		highest = max(highest, s.View, s.ChangingTo)
	}
	return highest
}

// TestGroupSizes: R1, R23, R75 – groups of all shapes execute everything exactly once,
// in their first view.
func TestGroupSizes(t *testing.T) {
	for _, n := range []int{1, 4, 5, 6, 7, 10, 13} {
		w := newWorld(t, Config{Seed: uint64(n), Replicas: n, Clients: 2})
		c := count(w, 100, 4)
		run(t, w, 20*time.Second, c.done)
		run(t, w, 20*time.Second, func() bool { return equalHistories(w) })
		if c.exact(t); views(w) > 0 {
			t.Errorf("n=%d: view %d", n, views(w))
		}
	}
}

// TestClientRestarts: R26 – a client process that begins anew with its key works at
// once, as often as it likes.
func TestClientRestarts(t *testing.T) {
	p := SmallParameters()
	p.SessionsPerClient = 2
	w := newWorld(t, Config{Seed: 1, Replicas: 4, Clients: 1, Parameters: p})
	for life := range 12 {
		began := w.Now()
		c := count(w, 10, 3)
		run(t, w, 10*time.Second, c.done)
		if len(c.wrong) > 0 || c.highest != 10*(life+1) {
			t.Errorf("life %d: up to %d, %v", life, c.highest, c.wrong)
		}
		if took := w.Now() - began; took > time.Second {
			t.Errorf("life %d took %v", life, took)
		}
		next := newClient(w, 0, w.clients[0].signer)
		next.session = session.New(session.Config{ // as package client does: above all before
			Group: w.group, Scheme: w.cfg.Scheme, Signer: next.signer, Number: consensus.SessionNumber(next.now().UnixNano()),
		})
		w.clients[0] = next
	}
}

// TestPowerLoss: R78, R79, R85 – all replicas lose power at once, again and again,
// under load, with all that was not synced: nothing acknowledged is missing, nothing
// counts twice, and the group serves again by itself.
func TestPowerLoss(t *testing.T) {
	for _, n := range []int{1, 4} {
		for seed := range uint64(4) {
			w := newWorld(t, Config{Seed: seed, Replicas: n, Clients: 3, SyncMax: time.Duration(1+seed*10) * time.Millisecond})
			c := count(w, 400, 4)
			for range 10 {
				if err := w.Run(w.between(20*time.Millisecond, 400*time.Millisecond)); err != nil {
					t.Fatalf("n=%d: %v", n, err)
				}
				for i := range w.replicas {
					loss := Loss{Lost: float64(1+seed%2) / 2}
					if n == 1 {
						// Alone it may execute what its log does not hold yet and then
						// forget it, since nothing of it has left (R6): that is no other
						// replica's batch, as the checkers would take it for.
						loss.Lost = 0
						run(t, w, time.Second, func() bool { return len(w.Replica(0).writer.records) == 0 })
					}
					w.Replica(i).CrashWith(loss)
				}
				for i := range w.replicas {
					if err := w.Replica(i).Start(); err != nil {
						t.Fatal(err)
					}
				}
			}
			run(t, w, 120*time.Second, c.done)
			run(t, w, 60*time.Second, func() bool { return equalHistories(w) })
			c.exact(t)
		}
	}
}

// lag cuts a replica off while the others execute, lets it back, and returns what
// state transfer it said to be at.
func lag(t *testing.T, w *World, total int) string {
	t.Helper()
	w.Cut(func(from, to int) bool { return from == 3 || to == 3 })
	first := count(w, total, 4)
	run(t, w, 60*time.Second, first.done)
	w.Heal()
	second := count(w, 60, 1)
	said := map[string]bool{}
	log := ""
	run(t, w, 60*time.Second, func() bool {
		if s := w.Replica(3).Status().Transfer; s != "" && !said[s] {
			said[s] = true
			log += s + "\n"
		}
		return second.done() && equalHistories(w)
	})
	if second.highest != total+60 {
		t.Errorf("the counter stands at %d", second.highest)
	}
	return log
}

// TestLaggardByWindows: R93 to R95 – a replica that was away for longer than a window
// comes back through write sets while no snapshot has taken their place, under load.
func TestLaggardByWindows(t *testing.T) {
	p := SmallParameters()
	p.SnapshotInterval, p.BatchRequestsMax = 500, 1
	w := newWorld(t, Config{Seed: 1, Replicas: 4, Clients: 2, Parameters: p})
	if log := lag(t, w, 300); !strings.Contains(log, "windows from") || strings.Contains(log, "partition") {
		t.Errorf("it came back otherwise:\n%s", log)
	}
}

// TestLaggardBySnapshot: R93 to R96 – and through a snapshot when they are gone; R27:
// retries of what it never executed itself are answered as by the others.
func TestLaggardBySnapshot(t *testing.T) {
	p := SmallParameters()
	p.SnapshotInterval, p.BatchRequestsMax = 2, 1
	w := newWorld(t, Config{Seed: 1, Replicas: 4, Clients: 2, Parameters: p})
	if log := lag(t, w, 300); !strings.Contains(log, "partition") {
		t.Errorf("it came back otherwise:\n%s", log)
	}
	// It is needed from now on.
	w.Replica(0).Crash()
	c := count(w, 40, 2)
	run(t, w, 60*time.Second, c.done)
	if c.highest != 400 || len(c.wrong) > 0 {
		t.Errorf("the counter stands at %d, %v", c.highest, c.wrong)
	}
}

// TestOverload: R30, R31 – far more load than the group can carry deposes nobody.
func TestOverload(t *testing.T) {
	p := SmallParameters()
	p.BatchRequestsMax, p.RequestOperationsMax = 2, 1
	w := newWorld(t, Config{Seed: 1, Replicas: 4, Clients: 4, Parameters: p, SyncMax: 100 * time.Millisecond, DelayMax: 100 * time.Millisecond})
	c := count(w, 1500, 150)
	run(t, w, 300*time.Second, c.done)
	if c.exact(t); views(w) > 0 {
		t.Errorf("%d views later, after %v", views(w), w.Now())
	}
}

// TestIdle: R75 – an idle group stays in its view, for a day.
func TestIdle(t *testing.T) {
	w := newWorld(t, Config{Seed: 1, Replicas: 4, Clients: 1, Tick: time.Second})
	c := count(w, 20, 2)
	run(t, w, 60*time.Second, c.done)
	day := 24 * time.Hour
	if testing.Short() {
		day = time.Hour
	}
	if err := w.Run(day); err != nil {
		t.Fatal(err)
	}
	if views(w) > 0 {
		t.Errorf("view %d after %v without work", views(w), day)
	}
}

// A pastPrimary client sends to backups only.
type pastPrimary struct{}

func (pastPrimary) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	if to == 0 {
		return nil
	}
	return [][]byte{frame}
}
func (pastPrimary) Tick() {}

// TestPastPrimary: R30 – a client that keeps its requests from the primary deposes
// nobody, although frames between replicas are lost. Losses alone change views now and
// then; such a client must not add to that.
func TestPastPrimary(t *testing.T) {
	const seeds = 40
	changed := func(past bool) (runs int) {
		for seed := uint64(1); seed <= seeds; seed++ {
			w := newWorld(t, Config{Seed: seed, Replicas: 4, Clients: 2, Loss: 0.1})
			if past {
				w.CorruptClient(1, func(*FaultyClient) ClientBehaviour { return pastPrimary{} })
			}
			c := count(w, 100, 2)
			run(t, w, 120*time.Second, c.done)
			if c.exact(t); views(w) > 0 {
				runs++
			}
		}
		return runs
	}
	without, with := changed(false), changed(true)
	t.Logf("of %d runs the view changed in %d without such a client, in %d with it", seeds, without, with)
	if with > without+seeds/10 {
		t.Errorf("the view changed in %d of %d runs; without such a client in %d", with, seeds, without)
	}
}
