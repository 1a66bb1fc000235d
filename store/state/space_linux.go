package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/statemachine"
)

// probe claims some bytes in the directory and gives them back: a quota and a
// limit on file sizes do not show in the free space (R88).
func probe(dir string, size int64) error {
	// Beyond the limit a file is not made longer, but the process gets a signal.
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err == nil && limit.Cur < uint64(size) {
		return fmt.Errorf("%w: files of %d MiB are needed, and the limit on file sizes (ulimit -f) is %d bytes",
			statemachine.ErrNoSpace, size>>20, limit.Cur)
	}
	f, err := nameless(dir)
	if err != nil {
		return fmt.Errorf("probe the state's directory: %w", err)
	}
	defer f.Close() // nothing was written
	return allocate(f, size)
}

// nameless returns an open file without a name, whose blocks go with the process: a
// probe that a crash left would take the room that the next start looks for.
func nameless(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "probe-*.tmp")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// allocate gives a file disk blocks up to an offset, whatever its size.
func allocate(f *os.File, size int64) error {
	for {
		switch err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size); {
		case err == nil, errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return nil
		case errors.Is(err, unix.EINTR):
		default:
			return fmt.Errorf("%w: claiming %d MiB for %s: %w", statemachine.ErrNoSpace, size>>20, f.Name(), err)
		}
	}
}

// claim allocates the write-ahead log of the next memtable ahead. Badger makes
// that file sparse, and writes into it through a mapping, in the middle of a
// batch, so that nobody could ask whether there is room. But it takes an empty
// file of the right name for its own, and blocks beyond the end of a file stay
// when it is made longer. The file is never removed here: Badger may have opened
// it by then. Those that are left over go at the next opening.
func (s *space) claim() error {
	h, err := s.look()
	if err != nil || h.last == 0 {
		return err
	}
	f, err := os.OpenFile(s.log(h.last+1), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("claim room for the state: %w", err)
	}
	defer f.Close()
	return allocate(f, walBytes)
}

// claimFirst allocates the log that an opening has just made.
func (s *space) claimFirst() error {
	h, err := s.look()
	if err != nil || h.last == 0 {
		return err
	}
	f, err := os.OpenFile(s.log(h.last), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("claim room for the state: %w", err)
	}
	defer f.Close()
	return allocate(f, walBytes)
}

func (s *space) log(number int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%05d%s", number, memSuffix))
}

// unclaim removes the logs that were claimed and never used: Badger refuses to
// open with them.
func (s *space) unclaim() error {
	names, err := filepath.Glob(filepath.Join(s.dir, "*"+memSuffix))
	if err != nil {
		return err
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() > 0 {
			continue
		}
		if err == nil {
			err = os.Remove(name)
		}
		if err != nil {
			return fmt.Errorf("clear the state's directory: %w", err)
		}
	}
	return nil
}
