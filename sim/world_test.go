package sim

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

func kvApp() statemachine.Application { return kv.New() }

// newWorld makes a world for a test.
func newWorld(t *testing.T, cfg Config) *World {
	t.Helper()
	if cfg.App == nil {
		cfg.App = kvApp
	}
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// run lets the world go on until all operations that clients submitted are done.
func run(t *testing.T, w *World, limit time.Duration, done func() bool) {
	t.Helper()
	if err := w.RunUntil(limit, done); err != nil {
		t.Fatal(err)
	}
	if !done() {
		for i := range w.replicas {
			t.Logf("r%d: up=%v %+v", i, w.replicas[i].Up(), w.replicas[i].Status())
		}
		t.Fatalf("seed %d: not done after %v", w.cfg.Seed, limit)
	}
}

func TestGroupExecutes(t *testing.T) {
	w := newWorld(t, Config{Seed: 1, Replicas: 4, Clients: 2})
	for i := range 40 {
		w.Client(i%2).Invoke(kv.Increment([]byte("n"), 1), nil)
	}
	run(t, w, 20*time.Second, func() bool { return w.Client(0).Executed+w.Client(1).Executed == 40 })
}

// load keeps n operations of each client under way until the world has completed
// total.
func load(w *World, total int) func() bool {
	submitted, finished := 0, 0
	var next func(c *Client)
	next = func(c *Client) {
		if submitted == total {
			return
		}
		submitted++
		c.Invoke(kv.Increment([]byte("n"), 1), func(done session.Completion) {
			finished++
			next(c)
		})
	}
	for i := range w.clients {
		for range 4 {
			next(w.Client(i))
		}
	}
	return func() bool { return finished == total }
}

func TestCheckpointsAndSnapshots(t *testing.T) {
	w := newWorld(t, Config{Seed: 2, Replicas: 4, Clients: 3})
	run(t, w, 100*time.Second, load(w, 500))
	if err := w.Run(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	for i := range w.replicas {
		s := w.Replica(i).Status()
		if s.Engine.Low == 0 || s.Snapshot == 0 {
			t.Errorf("r%d has no stable checkpoint or snapshot: %+v", i, s)
		}
	}
}

func TestPrimaryCrashes(t *testing.T) {
	w := newWorld(t, Config{Seed: 3, Replicas: 4, Clients: 3})
	done := load(w, 600)
	if err := w.Run(100 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	w.Replica(0).Crash()
	if err := w.Run(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := w.Replica(0).Start(); err != nil {
		t.Fatal(err)
	}
	run(t, w, 100*time.Second, done)
	run(t, w, 30*time.Second, func() bool { return equalHistories(w) })
}

// equalHistories reports whether all replicas executed the same, and as much.
func equalHistories(w *World) bool {
	first := w.Replica(0).Status()
	for i := range w.replicas {
		s := w.Replica(i).Status()
		if !w.Replica(i).Up() || s.Executed != first.Executed || s.History != first.History {
			return false
		}
	}
	return true
}
