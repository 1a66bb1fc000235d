package replica_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/replica"
	"github.com/varangian-bft/varangian/statemachine/kv"
	"github.com/varangian-bft/varangian/store/log"
)

// serve runs replica i so that it begins again by itself; it ends with the test.
func (g *group) serve(i int, opts ...replica.Option) {
	ctx, stop := context.WithCancel(context.Background())
	g.stop[i], g.ended[i] = stop, make(chan error, 1)
	go func() { g.ended[i] <- replica.Serve(ctx, g.config(i), kv.New(), opts...) }()
}

// statusOf asks replica i on its socket, as an operator does.
func (g *group) statusOf(i int) (s replica.Status, ok bool) {
	text, err := replica.ReadStatus(g.t.Context(), g.config(i).DataDir)
	return s, err == nil && json.Unmarshal(text, &s) == nil
}

// A slowDisk takes its time to close a file: until it is let go.
type slowDisk struct {
	log.FS
	slow  *atomic.Bool
	asked func()
	let   <-chan struct{}
}

func (d slowDisk) Open(name string) (log.File, error) {
	f, err := d.FS.Open(name)
	return slowFile{f, d}, err
}

func (d slowDisk) Create(name string, size int64) (log.File, error) {
	f, err := d.FS.Create(name, size)
	return slowFile{f, d}, err
}

type slowFile struct {
	log.File
	disk slowDisk
}

func (f slowFile) Close() error {
	if f.disk.slow.Load() {
		f.disk.asked()
		<-f.disk.let
	}
	return f.File.Close()
}

// TestGivenUp: a replica that gives its state up begins again in the same process and
// fetches it, also if its slow disk takes longer to close than anyone waits for after
// another failure (R51).
func TestGivenUp(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.dial()
	snapshotted(t, g, c, 32, 1, 3)
	g.end(3)
	asked, let := make(chan struct{}), make(chan struct{})
	var slow atomic.Bool
	var now atomic.Pointer[replica.Replica]
	g.serve(3, replica.Observed(&now), replica.WithHaste(), replica.WithDisk(func(folder string) log.FS {
		return slowDisk{log.OS(folder), &slow, sync.OnceFunc(func() { close(asked) }), let}
	}))
	equal := func(what string) {
		t.Helper()
		await(t, what, func() bool {
			invoke(t, c, kv.Increment([]byte("n"), 1))
			s, ok := g.statusOf(3)
			other := g.replica[0].Status()
			return ok && s.Repair == "" && s.Executed == other.Executed && s.History == other.History
		})
	}
	equal("r3 serves")
	slow.Store(true)
	if err := now.Load().GiveUp("planted"); err != nil {
		t.Fatal(err)
	}
	<-asked
	select {
	case err := <-g.ended[3]:
		g.stop[3] = nil // it has ended
		close(let)
		t.Fatalf("it ended with status %d: %v", replica.ExitCode(err), err)
	case <-time.After(slowness): // what does not wait has ended long since
	}
	slow.Store(false)
	close(let)
	await(t, "the state is set aside", func() bool {
		_, err := os.Stat(filepath.Join(g.config(3).DataDir, "state.damaged-1"))
		return err == nil
	})
	equal("r3 fetches its state and stands equal")
	if a := replica.ReadAlarm(g.config(3).DataDir); a == nil || a.Open || a.GiveUp {
		t.Errorf("the alarm: %+v", a)
	}
}
