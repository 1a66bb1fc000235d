package replica

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/log"
	"github.com/varangian-bft/varangian/store/state"
)

const (
	// ballastBytes is the size of the file `ballast` in the data folder. It goes when
	// room is out, so that there is room for what has to be written to stop.
	ballastBytes = 32 << 20
	// roomInterval is how often a running replica looks how much is free.
	roomInterval = 100 * time.Millisecond
	// descriptorsMin is what a replica needs of the process's descriptors to start,
	// and descriptorsLow how few may be left while it runs.
	descriptorsMin = 128
	descriptorsLow = 16
)

// lacksRoom says whether an error is that of a disk, a quota, a limit on file
// sizes or one on descriptors that is used up: nothing is lost then, and the
// replica can go on when there is room (R88).
func lacksRoom(err error) bool {
	for _, cause := range []error{
		statemachine.ErrNoSpace, log.ErrNoSpace, unix.ENOSPC, unix.EDQUOT, unix.EFBIG, unix.EMFILE, unix.ENFILE,
	} {
		if tells(err, cause) {
			return true
		}
	}
	return false
}

// tells says whether an error is a cause, or mentions it: Badger wraps some errors of
// the system in words alone.
func tells(err, cause error) bool {
	return errors.Is(err, cause) || err != nil && strings.Contains(err.Error(), cause.Error())
}

// diskError gives what the disk answered its exit status.
func diskError(what string, err error) error {
	if !strings.HasPrefix(err.Error(), what) {
		err = fmt.Errorf("%s: %w", what, err)
	}
	if lacksRoom(err) {
		return failure(ExitRoom, "%w; nothing is lost", err)
	}
	return failure(ExitDisk, "%w", err)
}

// folderError gives an error of the data folder itself its exit status: one that
// the disk reports is final, a wrong path or a missing permission is not.
func folderError(err error) error {
	if errors.Is(err, unix.EIO) || errors.Is(err, unix.EROFS) || lacksRoom(err) {
		return diskError("data folder", err)
	}
	return failure(ExitSurroundings, "data folder: %w", err)
}

// fits returns an error unless there is room to start: free space, taken for a
// moment so that a quota shows as well, and the limits of the process (R88).
func (f *folder) fits(segmentBytes int64) error {
	if err := limitsFit(segmentBytes); err != nil {
		return err
	}
	need, err := state.Room(f.in("state"))
	if err != nil {
		return diskError("state", err)
	}
	need += nextSegment(f.in("log"), segmentBytes)
	if info, err := os.Stat(f.in("ballast")); err != nil || info.Size() < ballastBytes {
		need += ballastBytes
	}
	var s unix.Statfs_t
	if err := unix.Statfs(f.path, &s); err != nil {
		return folderError(err)
	}
	if free := s.Bavail * uint64(s.Bsize); free < need { // of other types on other systems
		return failure(ExitRoom, "data folder %s needs %d MiB of free space and has %d MiB", f.path, (need+1<<20-1)>>20, free>>20)
	}
	return f.probe(int64(need), max(segmentBytes, ballastBytes))
}

// probe claims room for a moment, in files of at most the size that limitsFit has
// asked for. They have no name, so that they go with the process: one that a crash left
// would take the room that the next start looks for.
func (f *folder) probe(need, each int64) error {
	var held []*os.File
	defer func() {
		for _, file := range held {
			file.Close() // nothing was written
		}
	}()
	for left := need; left > 0; left -= each {
		file, err := nameless(f.in("probe"))
		if err != nil {
			return folderError(err)
		}
		held = append(held, file)
		if err := preallocate(file, min(left, each)); err != nil {
			return folderError(fmt.Errorf("claiming %d MiB: %w", need>>20, err))
		}
	}
	return nil
}

// nameless makes a file and takes its name away.
func nameless(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// nextSegment is what the log allocates next.
func nextSegment(dir string, segmentBytes int64) uint64 {
	if segmentBytes == 0 {
		segmentBytes = log.SegmentBytesDefault
	}
	if _, err := os.Stat(filepath.Join(dir, "spare")); err == nil {
		return 0
	}
	largest := int64(log.SegmentBytesFirst) / 2
	if entries, err := os.ReadDir(dir); err == nil { // what is wrong with it, its opening finds
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				largest = max(largest, info.Size())
			}
		}
	}
	// A new log makes two.
	return 3 * uint64(min(2*largest, segmentBytes))
}

// limitsFit compares the limits of the process with what a replica needs.
func limitsFit(segmentBytes int64) error {
	var files, size unix.Rlimit
	if err := errors.Join(unix.Getrlimit(unix.RLIMIT_NOFILE, &files), unix.Getrlimit(unix.RLIMIT_FSIZE, &size)); err != nil {
		return failure(ExitSurroundings, "limits of the process: %w", err)
	}
	if segmentBytes == 0 {
		segmentBytes = log.SegmentBytesDefault
	}
	need := uint64(max(segmentBytes, ballastBytes))
	switch {
	case files.Cur < descriptorsMin:
		return failure(ExitRoom, "a replica needs %d file descriptors, and the limit of this process is %d (ulimit -n)", descriptorsMin, files.Cur)
	case size.Cur < need:
		return failure(ExitRoom, "a replica needs files of %d MiB, and the limit of this process is %d bytes (ulimit -f)", need>>20, size.Cur)
	}
	return nil
}

// reserve makes a file with all its blocks. What keeps it from being made keeps the
// replica from running.
func (f *folder) reserve(name string, size int64) error {
	path := f.in(name)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return folderError(err)
	}
	err = preallocate(file, size)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(path) // what there is of it may be the room that lacks
		return folderError(fmt.Errorf("claiming %d MiB: %w", size>>20, err))
	}
	return nil
}

// release gives the ballast back to the disk.
func (f *folder) release() {
	if err := os.Remove(f.in("ballast")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return // whoever goes on to write will see that there is no room
	}
}

// watchRoom ends the replica while there is still the room to end it in order:
// others fill the disk, too, and limits can be lowered (R88).
func (r *Replica) watchRoom(ctx context.Context) {
	tick := time.NewTicker(roomInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		err := r.store.Pressed()
		if err == nil {
			err = limitsFit(r.cfg.SegmentBytes)
		}
		if err == nil {
			err = descriptorsLeft()
		}
		if err != nil {
			r.fail(roomError(err))
			return
		}
	}
}

// descriptorsLeft returns an error if the process has hardly any descriptor left:
// Badger cannot go on when it does not get one.
func descriptorsLeft() error {
	files := make([]int, 0, descriptorsLow)
	defer func() {
		for _, fd := range files {
			_ = syscall.Close(fd) // it was never used
		}
	}()
	for range descriptorsLow {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
			return fmt.Errorf("fewer than %d file descriptors are left to this process (ulimit -n): %w", descriptorsLow, err)
		}
		if err != nil {
			return nil // this system cannot tell
		}
		files = append(files, fd)
	}
	return nil
}

func roomError(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	return diskError("state", err)
}
