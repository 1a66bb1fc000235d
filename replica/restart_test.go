package replica_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/replica"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// small limits reach checkpoints and snapshots with few operations.
func small() consensus.Parameters {
	p := consensus.DefaultParameters()
	p.CheckpointInterval, p.Window, p.SnapshotInterval = 8, 32, 2
	return p
}

// await polls the replicas' own statuses, which change without an event here.
func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// TestPrimaryStops: the others go on without their primary, and it comes back
// through state transfer, since they have trimmed what it missed (R54, R93).
func TestPrimaryStops(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.dial()
	for range 20 {
		invoke(t, c, kv.Increment([]byte("n"), 1))
	}
	g.end(0)
	for range 60 {
		invoke(t, c, kv.Increment([]byte("n"), 1))
	}
	g.start(0)
	await(t, "r0 catches up", func() bool {
		a, b := g.replica[0].Status(), g.replica[1].Status()
		return a.Executed == b.Executed && a.History == b.History && a.Executed > 0
	})
	if n, err := kv.DecodeIncrement(invoke(t, c, kv.Increment([]byte("n"), 1)).Value); err != nil || n != 81 {
		t.Fatalf("81 increments gave %v (%v)", n, err)
	}
}

// TestAllStop: what was acknowledged is there after every replica went down
// (R79, R85).
func TestAllStop(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.dial()
	for range 30 {
		invoke(t, c, kv.Increment([]byte("n"), 1))
	}
	for i := range 4 {
		g.end(i)
	}
	for i := range 4 {
		g.start(i)
	}
	if n, err := kv.DecodeIncrement(invoke(t, c, kv.Increment([]byte("n"), 1)).Value); err != nil || n != 31 {
		t.Fatalf("31 increments gave %v (%v)", n, err)
	}
}

// TestFolderRefused: a data folder that is in use or belongs to another replica is
// refused, with the exit status for it (R87).
func TestFolderRefused(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.dial()
	for range 20 {
		invoke(t, c, kv.Put([]byte("k"), []byte("v")))
	}
	open := func(cfg replica.Config) error {
		r, err := replica.New(cfg, kv.New())
		if err == nil {
			r.Close()
		}
		return err
	}
	refused := func(what string, err error, code int, says string) {
		t.Helper()
		if err == nil || replica.ExitCode(err) != code || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v (status %d)", what, err, replica.ExitCode(err))
		}
	}
	refused("folder in use", open(g.config(1)), replica.ExitSurroundings, "in use")
	for i := range 4 {
		g.end(i)
	}
	foreign := g.config(1)
	foreign.DataDir = g.config(2).DataDir
	refused("another replica's folder", open(foreign), replica.ExitSurroundings, "belongs to another")
	stranger := g.config(1)
	stranger.Keys = g.client
	refused("a client's key", open(stranger), replica.ExitSurroundings, "belongs to no replica")

	if err := open(g.config(3)); err != nil {
		t.Errorf("the untouched folder: %v", err)
	}
	var e *replica.Error
	if !errors.As(open(foreign), &e) {
		t.Error("not a *replica.Error")
	}
}
