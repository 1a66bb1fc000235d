package state

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/statemachine"
)

// probe claims some bytes in the directory and gives them back: a quota and a
// limit on file sizes do not show in the free space (R88).
func probe(dir string, size int64) error {
	f, err := os.CreateTemp(dir, "probe-*.tmp")
	if err != nil {
		return fmt.Errorf("probe the state's directory: %w", err)
	}
	defer func() {
		_ = f.Close()           // nothing was written
		_ = os.Remove(f.Name()) // a later probe is not hindered by an empty file
	}()
	for {
		switch err := unix.Fallocate(int(f.Fd()), 0, 0, size); err {
		case nil, unix.EOPNOTSUPP, unix.ENOSYS:
			return nil
		case unix.EINTR:
		default:
			return fmt.Errorf("%w: claiming %d MiB in %s: %w; make room or raise the limit, and start again",
				statemachine.ErrNoSpace, size>>20, dir, err)
		}
	}
}
