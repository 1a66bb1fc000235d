package replica

import (
	"os"

	"golang.org/x/sys/unix"
)

// tryLock takes the lock of a folder without waiting; false means that another
// process, or another part of this one, has it (R87).
func tryLock(f *os.File) bool {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

// unlock lets go of a lock and closes its file. The file alone would not do: a
// process that is being started just then holds a copy of its descriptor, and with it
// the lock, for a moment longer. A nil file is none.
func unlock(f *os.File) {
	if f == nil {
		return
	}
	_ = unix.Flock(int(f.Fd()), unix.LOCK_UN) // closing does it, too
	_ = f.Close()                             // nothing was written
}
