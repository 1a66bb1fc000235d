package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// The sizes of the small file system: too small to start, and enough.
const (
	sizeSmall  = "64m"
	sizeEnough = "300m"
	sizeMore   = "450m"
)

func (d *diskBench) tooSmall(ctx context.Context) error {
	return d.waitsAndReturns(ctx, "start on 64 MiB", func() error { return nil }, func() error { return d.remount(0, sizeEnough) })
}

// fillUp takes all that is free, at once and to the last page.
func (d *diskBench) fillUp(ctx context.Context) error {
	path := filepath.Join(d.data(), "filler")
	fill := func() error {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer f.Close()
		var s unix.Statfs_t
		if err := unix.Statfs(d.data(), &s); err != nil {
			return err
		}
		return unix.Fallocate(int(f.Fd()), 0, 0, int64(s.Bavail)*s.Bsize)
	}
	if err := d.waitsAndReturns(ctx, "disk filled up, then enlarged", fill, func() error { return d.remount(0, "600m") }); err != nil {
		return err
	}
	if err := d.waitsAndReturns(ctx, "disk filled up, then emptied", fill, func() error { return os.Remove(path) }); err != nil {
		return err
	}
	return d.remount(0, sizeMore)
}

// limit lowers a limit of the running replica, and gives it back.
func (d *diskBench) limit(ctx context.Context, name string, resource int, low uint64) error {
	var before unix.Rlimit
	set := func(l unix.Rlimit) error { return unix.Prlimit(d.victim.PID(), resource, &l, nil) }
	return d.waitsAndReturns(ctx, name, func() error {
		if err := unix.Prlimit(d.victim.PID(), resource, nil, &before); err != nil {
			return err
		}
		return set(unix.Rlimit{Cur: low, Max: before.Max})
	}, func() error { return set(before) })
}

func (d *diskBench) fileSizeLimit(ctx context.Context) error {
	return d.limit(ctx, "limit on file sizes of 1 MiB (ulimit -f)", unix.RLIMIT_FSIZE, 1<<20)
}

// descriptors lowers the limit to what is open: not one more is to be had.
func (d *diskBench) descriptors(ctx context.Context) error {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.victim.PID()))
	if err != nil {
		return err
	}
	return d.limit(ctx, "limit of as many descriptors as are open (ulimit -n)", unix.RLIMIT_NOFILE, uint64(len(open)))
}

// endsAndReturns is the story of every disk that fails: the process ends with
// status 3, and is back when it is started again.
func (d *diskBench) endsAndReturns(ctx context.Context, name string, take, give func() error) error {
	ctx, cancel := caseContext(ctx, name)
	defer cancel()
	began := time.Now()
	if err := take(); err != nil {
		return err
	}
	status, line, err := d.victim.Ended(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w; its last line: %s", name, err, d.victim.LastLine())
	}
	row := diskRow{name: name, did: fmt.Sprintf("ends with status %d", status), said: short(line), out: time.Since(began)}
	if status != 3 {
		return fmt.Errorf("%s: the replica ended with status %d, and not 3: %s", name, status, line)
	}
	if err := d.goesOn(ctx); err != nil {
		return fmt.Errorf("%s: the others: %w", name, err)
	}
	cured := time.Now()
	if err := give(); err != nil {
		return err
	}
	if err := d.victim.Start(); err != nil {
		return err
	}
	if err := d.isBack(ctx); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	row.back = time.Since(cured)
	d.rows = append(d.rows, row)
	return nil
}

// readOnly starts the replica on a file system that was mounted read-only: one that
// has files open for writing cannot be made so.
func (d *diskBench) readOnly(ctx context.Context) error {
	return d.endsAndReturns(ctx, "read-only file system", func() error {
		if err := d.victim.Stop(); err != nil {
			return err
		}
		if err := d.remount(unix.MS_RDONLY, sizeMore); err != nil {
			return err
		}
		return d.victim.Start()
	}, func() error { return d.remount(0, sizeMore) })
}

// failingSyncs makes one sync fail in each of some lives: of the log, of its
// folder and marks, of the state.
func (d *diskBench) failingSyncs(ctx context.Context) error {
	strace, err := exec.LookPath("strace")
	if err != nil && d.places > 0 {
		fmt.Fprintln(d.out, "no strace is here, so no sync is made to fail; TestFailedSyncIsFinal of replica does it without")
		return nil
	}
	if err := d.group.Sound(); err != nil { // want of room is no reason for an alarm
		return err
	}
	// A sync that fails may lose what was written: Badger deletes a table, for one,
	// whose entry in the list of tables was written and not synced.
	d.victim.Harmed = true
	calls := []string{"fdatasync", "fdatasync", "fdatasync", "fsync", "msync"}
	for i := range d.places {
		call, when := calls[i%len(calls)], 1+rand.IntN(12)
		if call == "fsync" { // it comes with each new segment only
			when = 1 + when%3
		}
		name := fmt.Sprintf("EIO from %s %d of a thread", call, when)
		err := d.endsAndReturns(ctx, name, func() error {
			if err := d.victim.Kill(); err != nil {
				return err
			}
			d.victim.Wrap = []string{
				strace, "-f", "-qq", "-o", filepath.Join(d.place.dir, "strace"), "--seccomp-bpf", "-e", "trace=" + call,
				"-e", fmt.Sprintf("inject=%s:error=EIO:when=%d", call, when),
			}
			return d.victim.Start()
		}, func() error {
			d.victim.Wrap = nil
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
