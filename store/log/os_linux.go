package log

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// allocate reserves the space of a file. The limit on file sizes is looked at
// first, because exceeding it is answered with a signal that ends the process.
func allocate(f *os.File, size int64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if limit.Cur != unix.RLIM_INFINITY && uint64(size) > limit.Cur {
		return fmt.Errorf("%w: the limit on file sizes (ulimit -f) is %d bytes", unix.EFBIG, limit.Cur)
	}
	for {
		err := unix.Fallocate(int(f.Fd()), 0, 0, size)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EOPNOTSUPP):
			return room(f, size) // the zeros that follow allocate as well
		default:
			return err
		}
	}
}

// room refuses a file that the disk has no room for.
func room(f *os.File, size int64) error {
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &s); err != nil {
		return err
	}
	if uint64(size) > s.Bavail*uint64(s.Bsize) {
		return unix.ENOSPC
	}
	return nil
}

// dataSync is one fdatasync. An interrupted call has reported no error of the
// disk, so calling again is no retry in the sense of R81.
func dataSync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
