package state

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/statemachine"
)

// compactionBytes is what one compaction of Badger writes at most before it
// deletes anything: level 0 with its tables of one memtable each, merged into
// the level below.
const compactionBytes = 128 << 20

// writeFactor is how often a byte is written before it rests: into the
// write-ahead log, into a table of level 0, and into a lower level.
const writeFactor = 3

// space guards the disk. Badger writes through mappings, so a full disk kills
// the process with SIGBUS, and again at every start: what is about to be written
// has to fit before it is begun (R88).
type space struct {
	dir     string
	reserve uint64 // bytes that stay free whatever is written
}

// fits returns ErrNoSpace unless writing so many bytes leaves the reserve free.
func (s space) fits(bytes uint64) error {
	var f unix.Statfs_t
	if err := unix.Statfs(s.dir, &f); err != nil {
		return fmt.Errorf("free space of %s: %w", s.dir, err)
	}
	free := f.Bavail * uint64(f.Bsize)
	need := s.reserve + writeFactor*bytes
	if need < s.reserve || free < need {
		return fmt.Errorf("%w: %s has %d MiB free and %d MiB are needed; make room and start again",
			statemachine.ErrNoSpace, s.dir, free>>20, need>>20)
	}
	return nil
}

// checkFileSize refuses to start under a file-size limit that Badger's files
// would meet: it would fail in the middle of a write (R88).
func checkFileSize() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return fmt.Errorf("file-size limit: %w", err)
	}
	if limit.Cur < fileBytesMax {
		return fmt.Errorf("%w: files are limited to %d MiB (ulimit -f) and %d MiB are needed",
			statemachine.ErrNoSpace, limit.Cur>>20, fileBytesMax>>20)
	}
	return nil
}
