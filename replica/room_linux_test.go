package replica_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/replica"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

const insideVariable = "VARANGIAN_REPLICA_TEST_INSIDE"

// inNamespace runs the test that calls it in a process with a mount namespace of
// its own; there it returns true.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideVariable) != "" {
		if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		return true
	}
	args := []string{"-test.run=^" + t.Name() + "$"}
	if testing.Verbose() {
		args = append(args, "-test.v")
	}
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), insideVariable+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := c.CombinedOutput()
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOSPC):
		t.Skip("this machine lets no process have a mount namespace; TestLimits shows what needs none:", err)
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// TestFullDisk: a replica whose disk is full waits, the others go on, and it
// rejoins by itself when there is room (R88).
func TestFullDisk(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	g := newGroup(t, 4, small())
	g.end(3)
	dir := g.config(3).DataDir
	scratch := t.TempDir()
	if err := os.CopyFS(scratch, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	remount := func(flags uintptr, size string) {
		t.Helper()
		if err := unix.Mount("tmpfs", dir, "tmpfs", flags, "mode=700,size="+size); err != nil {
			t.Fatal(err)
		}
	}
	remount(0, "64m")
	t.Cleanup(func() {
		g.end(3)
		_ = unix.Unmount(dir, unix.MNT_DETACH) // it goes with the namespace
	})
	if err := os.CopyFS(dir, os.DirFS(scratch)); err != nil {
		t.Fatal(err)
	}
	c := g.dial()
	var count int64
	write := func(times int) {
		t.Helper()
		for range times {
			invoke(t, c, kv.Increment([]byte("n"), 1))
			count++
		}
	}
	waits := func(says string) {
		t.Helper()
		await(t, "r3 waits for room", func() bool {
			s, ok := g.statusOf(3)
			return ok && strings.Contains(s.Room, says)
		})
		write(20)
	}
	returns := func() {
		t.Helper()
		await(t, "r3 is back", func() bool {
			s, ok := g.statusOf(3)
			return ok && s.Room == "" && s.Executed == g.replica[0].Status().Executed
		})
	}
	write(20)
	g.serve(3)
	waits("needs")
	remount(unix.MS_REMOUNT, "200m")
	returns()

	filler := filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fallocate(int(f.Fd()), 0, 0, int64(s.Bavail)*s.Bsize); err != nil {
		t.Fatal(err)
	}
	waits("MiB free")
	remount(unix.MS_REMOUNT, "350m")
	returns()
	write(20)
	returns()
	if n, err := kv.DecodeIncrement(invoke(t, c, kv.Increment([]byte("n"), 1)).Value); err != nil || n != count+1 {
		t.Fatalf("%d increments gave %v (%v)", count+1, n, err)
	}
}

// TestLimits: limits of the process that are too low are found at the start, with
// a status of their own (R88).
func TestLimits(t *testing.T) {
	if os.Getenv(insideVariable) == "" {
		for _, limit := range []string{"-n 100", "-f 2048"} {
			c := exec.Command("sh", "-c", "ulimit "+limit+` && exec "$0" -test.run='^TestLimits$'`, os.Args[0])
			c.Env = append(os.Environ(), insideVariable+"=1")
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("ulimit %s: %v\n%s", limit, err, out)
			}
		}
		return
	}
	g := layOut(t, 4, small())
	_, err := replica.New(g.config(0), kv.New())
	if replica.ExitCode(err) != replica.ExitRoom || !strings.Contains(err.Error(), "the limit of this process is") || strings.Contains(err.Error(), "\n") {
		t.Errorf("status %d: %v", replica.ExitCode(err), err)
	}
}

// TestWaitingIsTold: `replica status` says what is lacking also if its socket could not
// be opened when the waiting began: for want of a descriptor, say.
func TestWaitingIsTold(t *testing.T) {
	g := layOut(t, 4, small())
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	limit := func(l unix.Rlimit) {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
			t.Error(err)
		}
	}
	limit(unix.Rlimit{Cur: 100, Max: before.Max})
	defer limit(before)
	socket := filepath.Join(g.config(0).DataDir, "control")
	if err := os.MkdirAll(filepath.Join(socket, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	tried := make(chan struct{})
	g.logger = slog.New(heard{slog.DiscardHandler, "replica status gets no answer yet; the socket is tried again", tried})
	g.serve(0)
	defer g.end(0)
	<-tried
	if err := os.RemoveAll(socket); err != nil {
		t.Fatal(err)
	}
	await(t, "the status", func() bool {
		s, ok := g.statusOf(0)
		return ok && strings.Contains(s.Room, "the limit of this process is 100")
	})
}

// TestWaitingOnAFailedDisk: a disk that fails while the replica waits for room is no
// want of room any more, and ends it with the status of that (R81).
func TestWaitingOnAFailedDisk(t *testing.T) {
	g := layOut(t, 4, small())
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit := func(l unix.Rlimit) {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &l); err != nil {
			t.Error(err)
		}
	}
	defer limit(before)
	g.serve(0)
	defer g.end(0)
	await(t, "it serves", func() bool { s, ok := g.statusOf(0); return ok && s.Room == "" })
	// Too low for the replica's files, and not for those that package testing writes in
	// this process.
	limit(unix.Rlimit{Cur: 16 << 20, Max: before.Max})
	await(t, "it waits for room", func() bool { s, ok := g.statusOf(0); return ok && s.Room != "" })
	state := filepath.Join(g.config(0).DataDir, "state")
	if err := os.Rename(state, state+".gone"); err != nil {
		t.Fatal(err)
	}
	limit(before)
	await(t, "it ends", func() bool {
		select {
		case err := <-g.ended[0]:
			g.stop[0] = nil
			if replica.ExitCode(err) != replica.ExitDisk || strings.Contains(err.Error(), "\n") {
				t.Errorf("status %d: %v", replica.ExitCode(err), err)
			}
			return true
		default:
			return false
		}
	})
}

// heard tells when something is logged for the first time.
type heard struct {
	slog.Handler
	line string
	done chan struct{}
}

func (heard) Enabled(context.Context, slog.Level) bool { return true }

func (h heard) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h heard) Handle(_ context.Context, r slog.Record) error {
	if r.Message == h.line {
		close(h.done)
	}
	return nil
}

// TestReadOnly: a file system that cannot be written is no lack of room, and ends
// the replica with the status of a disk that fails.
func TestReadOnly(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	g := layOut(t, 4, small())
	dir := g.config(0).DataDir
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }() // it goes with the namespace
	_, err := replica.New(g.config(0), kv.New())
	if replica.ExitCode(err) != replica.ExitDisk || !errors.Is(err, unix.EROFS) {
		t.Errorf("status %d: %v", replica.ExitCode(err), err)
	}
}
