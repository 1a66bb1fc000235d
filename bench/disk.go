package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/bench/group"
	"github.com/varangian-bft/varangian/bench/tally"
)

const (
	diskTimeout = 6 * time.Minute // of all cases
	caseTimeout = time.Minute     // of one
	diskWorkers = 4
	diskWrites  = 300 // acknowledged while a replica is out
	// insideVariable marks the process that has the mount namespace.
	insideVariable = "BENCH_DISK_INSIDE"
)

func diskCommand() *cobra.Command {
	var places int
	c := &cobra.Command{
		Use:   "disk",
		Short: "Fill the disk of one replica of four, lower its limits, fail its syncs, and see it come back",
		Long: `Run a group of four under load, one of whose replicas has its data folder on a small
file system of its own: it is filled up and enlarged, the limits of the process are
lowered and raised, the file system is made read-only, and syncs are made to fail
with strace at places drawn at random. The group goes on each time, and the replica
comes back: by itself for want of room, and when it is started again otherwise.

It needs Linux and a mount namespace, which any user has unless the system forbids
it, and strace for the failing syncs. Nothing that it mounts outlives it.`,
		Args: cobra.NoArgs,
	}
	c.Flags().IntVar(&places, "places", 20, "how many syncs fail, each in a life of its own; 0 to 100")
	bin := binFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if places < 0 || places > 100 {
			return misuse("--places is %d; want 0 to 100", places)
		}
		if os.Getenv(insideVariable) == "" {
			return inNamespace(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		}
		if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("disk: mount namespace: %w", err)
		}
		building, cancel := context.WithTimeout(c.Context(), buildTimeout)
		defer cancel()
		p, err := newPlace(building, *bin)
		if err != nil {
			return err
		}
		d := &diskBench{place: p, out: c.OutOrStdout(), places: places}
		err = whole(p.close, func() error { return d.run(c.Context()) })
		d.print()
		if err != nil {
			return fmt.Errorf("disk: %w", err)
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), "disk: ok")
		return err
	}
	return c
}

// inNamespace runs this very command in a process with a mount namespace of its
// own, in which it may mount as its superuser.
func inNamespace(ctx context.Context, stdout, stderr io.Writer) error {
	inner := exec.CommandContext(ctx, "/proc/self/exe", os.Args[1:]...)
	inner.Env = append(os.Environ(), insideVariable+"=1")
	inner.Stdout, inner.Stderr = stdout, stderr
	inner.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	inner.Cancel = func() error { return inner.Process.Signal(syscall.SIGTERM) }
	inner.WaitDelay = stopAllTimeout
	err := inner.Run()
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended) && ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &ended):
		return errors.New("disk: not shown; the lines above say why")
	case err != nil:
		return fmt.Errorf("disk: a mount namespace is needed, and this system gives none: %w", err)
	}
	return nil
}

// stopAllTimeout bounds how long the inner process may take to end its replicas.
const stopAllTimeout = 30 * time.Second

// A diskBench is a group of which one replica has a disk of its own.
type diskBench struct {
	place  *place
	out    io.Writer
	places int
	group  *group.Group
	victim *group.Replica
	load   *tally.Tally
	rows   []diskRow
}

// A diskRow is what one case came to.
type diskRow struct {
	name, did, said string
	out, back       time.Duration // until it was out, and from the cure until it was back
}

func (d *diskBench) print() {
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "case\twhat the replica did\tafter\tback after\tits line")
	for _, r := range d.rows {
		fmt.Fprintf(w, "%s\t%s\t%v\t%v\t%s\n", r.name, r.did, round(r.out), round(r.back), r.said)
	}
	_ = w.Flush() // a report that nobody reads harms nothing
}

func (d *diskBench) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, diskTimeout, fmt.Errorf("not done within %v", diskTimeout))
	defer cancel()
	var err error
	d.group, err = group.New(ctx, d.place.binaries, group.Layout{
		Replicas: 4, Clients: 1, Dir: filepath.Join(d.place.dir, "group"), Flags: []string{"--segment-bytes", "8388608", "--timeout", "500ms"},
	})
	if err != nil {
		return err
	}
	d.victim = d.group.Replicas[3]
	unmount, err := d.mount("64m")
	if err != nil {
		return err
	}
	defer unmount()
	err = whole(d.group.Close, func() error { return d.cases(ctx) })
	if failedByItself(err) {
		fmt.Fprint(d.out, d.group.Logs(logLines))
	}
	return err
}

func (d *diskBench) data() string { return filepath.Join(d.victim.Dir, "data") }

// mount puts a small file system in the place of the replica's data folder, with
// what lies there.
func (d *diskBench) mount(size string) (unmount func(), err error) {
	kept := os.DirFS(d.data())
	scratch := filepath.Join(d.place.dir, "kept")
	if err := os.CopyFS(scratch, kept); err != nil {
		return nil, err
	}
	if err := unix.Mount("tmpfs", d.data(), "tmpfs", 0, "mode=700,size="+size); err != nil {
		return nil, fmt.Errorf("mount tmpfs: %w", err)
	}
	unmount = func() { _ = unix.Unmount(d.data(), unix.MNT_DETACH) } // it goes with the namespace, too
	if err := os.CopyFS(d.data(), os.DirFS(scratch)); err != nil {
		unmount()
		return nil, err
	}
	return unmount, nil
}

// remount changes the size of the small file system, or makes it read-only.
func (d *diskBench) remount(flags uintptr, size string) error {
	if err := unix.Mount("tmpfs", d.data(), "tmpfs", unix.MS_REMOUNT|flags, "mode=700,size="+size); err != nil {
		return fmt.Errorf("remount: %w", err)
	}
	return nil
}

func (d *diskBench) cases(ctx context.Context) error {
	for _, r := range d.group.Replicas {
		if err := r.Start(); err != nil {
			return err
		}
	}
	c, err := dial(ctx, d.group, 0)
	if err != nil {
		return err
	}
	defer c.Close()
	d.load = tally.Start(ctx, c, "disk", diskWorkers)
	for _, one := range []func(context.Context) error{
		d.tooSmall, d.fillUp, d.fileSizeLimit, d.descriptors, d.readOnly, d.failingSyncs,
	} {
		if err := one(ctx); err != nil {
			return err
		}
	}
	if err := d.load.Stop(); err != nil {
		return err
	}
	executed, history, err := d.group.Agree(ctx)
	if err != nil {
		return err
	}
	v, err := d.load.Check(ctx)
	if err != nil {
		return err
	}
	if err := d.group.Sound(); err != nil { // a vote that a failed sync made one forget, say
		return err
	}
	fmt.Fprintf(d.out, "all replicas executed %d and have history %.16s; all %d acknowledged writes are there, each exactly once\n",
		executed, history, v.Acknowledged)
	return nil
}

// caseContext bounds one case.
func caseContext(ctx context.Context, name string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, caseTimeout, fmt.Errorf("%s: not done within %v", name, caseTimeout))
}

// goesOn waits until the group without the replica has executed more.
func (d *diskBench) goesOn(ctx context.Context) error {
	return d.load.Await(ctx, d.load.Acknowledged()+diskWrites)
}

// isBack waits until the replica has executed what another one had executed when
// it was asked.
func (d *diskBench) isBack(ctx context.Context) error {
	other, err := d.group.Replicas[0].Status(ctx)
	if err != nil {
		return err
	}
	_, err = d.group.Await(ctx, d.victim, func(s group.Status) bool { return s.Room == "" && s.Executed >= other.Executed })
	return err
}

// waitsAndReturns is the story of every lack of room: the same process waits, the
// others go on, and it is back when it is given room.
func (d *diskBench) waitsAndReturns(ctx context.Context, name string, take, give func() error) error {
	ctx, cancel := caseContext(ctx, name)
	defer cancel()
	pid, began := d.victim.PID(), time.Now()
	if err := take(); err != nil {
		return err
	}
	s, err := d.group.Await(ctx, d.victim, func(s group.Status) bool { return s.Room != "" })
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	row := diskRow{name: name, did: "waits", said: s.Room, out: time.Since(began)}
	if err := d.goesOn(ctx); err != nil {
		return fmt.Errorf("%s: the others: %w", name, err)
	}
	cured := time.Now()
	if err := give(); err != nil {
		return err
	}
	if err := d.isBack(ctx); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if d.victim.PID() != pid || !d.victim.Running() {
		return fmt.Errorf("%s: process %d ended", name, pid)
	}
	row.back = time.Since(cured)
	d.rows = append(d.rows, row)
	return nil
}

// short makes a line of the replica fit into the table.
func short(line string) string {
	if _, after, found := strings.Cut(line, "reason="); found {
		line = after
	}
	return line
}
