package replica_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/replica"
	"github.com/varangian-bft/varangian/statemachine/kv"
	"github.com/varangian-bft/varangian/store/log"
)

// A failingDisk is a folder of the real file system whose n-th sync fails, and
// loses what it should have made durable, as a kernel may that marks the pages
// clean.
type failingDisk struct {
	log.FS
	*failure
}

type failure struct {
	left atomic.Int64

	mu   sync.Mutex
	kept [][]byte // what the log held before, and what was synced since
	lost [][]byte // what was written and not synced
	said [][]byte // what it promised in all that left the replica
}

// slowness is how long the sync takes that fails, so that whoever does not wait
// for it has the time to say something.
const slowness = 50 * time.Millisecond

// newFailure lets a sync fail on a log that is there already.
func newFailure(t *testing.T, n int64, folder string) *failure {
	t.Helper()
	f := &failure{}
	f.left.Store(n)
	files, err := filepath.Glob(filepath.Join(folder, "segment-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f.kept = append(f.kept, b)
	}
	return f
}

// note returns what notes what all that leaves promises. That is the frame itself, but
// of a proof of commitment the own COMMIT in it, if there is one: others' votes promise
// nothing of this replica, and it may pass a proof on that no record of its own has yet.
func (f *failure) note(g *consensus.Group, self consensus.ReplicaID, _ crypto.Signer) replica.Say {
	codec := pbft.NewCodec(g)
	return func(_ consensus.ReplicaID, frame []byte) [][]byte {
		promise := frame
		if m, err := codec.Decode(frame, consensus.Hint{High: math.MaxUint64}); err == nil {
			if c, ok := m.Value.(*pbft.CommitCertificate); ok {
				i := slices.IndexFunc(c.Commits, func(s pbft.Signed) bool { return s.Replica == self })
				if i < 0 {
					return [][]byte{frame}
				}
				promise = bytes.Clone(c.Commits[i].Signature[:])
			}
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.said = append(f.said, promise)
		return [][]byte{frame}
	}
}

// promised returns something that was promised although the log has lost it. What the
// log holds elsewhere was only on its way to be written anew.
func (f *failure) promised() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, promise := range f.said {
		in := func(data []byte) bool { return bytes.Contains(data, promise) }
		if slices.ContainsFunc(f.lost, in) && !slices.ContainsFunc(f.kept, in) {
			return promise
		}
	}
	return nil
}

func (d failingDisk) Open(name string) (log.File, error) {
	f, err := d.FS.Open(name)
	return &failingFile{File: f, failure: d.failure}, err
}

func (d failingDisk) Create(name string, size int64) (log.File, error) {
	f, err := d.FS.Create(name, size)
	return &failingFile{File: f, failure: d.failure}, err
}

type failingFile struct {
	log.File
	*failure
	written []piece // since the last sync
}

type piece struct {
	at            int64
	before, after []byte
}

func (f *failingFile) WriteAt(p []byte, at int64) (int, error) {
	before := make([]byte, len(p))
	if _, err := f.File.ReadAt(before, at); err != nil {
		return 0, err
	}
	f.written = append(f.written, piece{at, before, bytes.Clone(p)})
	return f.File.WriteAt(p, at)
}

func (f *failingFile) Sync() error {
	if f.left.Add(-1) == 0 {
		time.Sleep(slowness) //nolint:forbidigo // it is a slow disk that is played here, and no event is awaited
		f.mu.Lock()
		defer f.mu.Unlock()
		for i := len(f.written) - 1; i >= 0; i-- {
			f.lost = append(f.lost, f.written[i].after)
			if _, err := f.File.WriteAt(f.written[i].before, f.written[i].at); err != nil {
				return err
			}
		}
		return errors.Join(unix.EIO, f.File.Sync())
	}
	f.mu.Lock()
	for _, p := range f.written {
		f.kept = append(f.kept, p.after)
	}
	f.mu.Unlock()
	f.written = nil
	return f.File.Sync()
}

// TestFailedSyncIsFinal: a sync that fails ends the replica with status 3 before
// anything leaves that rested on it (R7, R78, R81): of what the log had been given
// and lost, nothing was said.
func TestFailedSyncIsFinal(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.dial()
	w := newWriter(t, c)
	for _, n := range []int64{1, 2, 5, 11, 23, 47, 64, 65, 95} {
		g.end(3)
		f := newFailure(t, n, filepath.Join(g.config(3).DataDir, "log"))
		r, err := replica.New(g.config(3), kv.New(),
			replica.WithDisk(func(folder string) log.FS { return failingDisk{log.OS(folder), f} }),
			replica.WithSay(f.note))
		if err == nil {
			err = r.Run(t.Context())
		}
		if replica.ExitCode(err) != replica.ExitDisk || !errors.Is(err, unix.EIO) {
			t.Fatalf("sync %d failed, and the replica ended with status %d: %v", n, replica.ExitCode(err), err)
		}
		if promise := f.promised(); promise != nil {
			t.Fatalf("sync %d failed, and a promise of %d bytes that rested on it left", n, len(promise))
		}
		if n > 40 && len(f.said) == 0 {
			t.Error("it said nothing, and so shows nothing")
		}
		g.start(3)
		await(t, "r3 catches up", func() bool {
			a, b := g.replica[3].Status(), g.replica[0].Status()
			return a.Executed > 0 && a.Executed+8 >= b.Executed
		})
	}
	w.end()
	w.counted(c)
	for i := range 4 {
		g.end(i) // none of them may have found a vote that a log lacks
	}
}
