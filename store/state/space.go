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
	free := uint64(f.Bavail) * uint64(f.Bsize) // of other types on other systems
	need := s.reserve + writeFactor*bytes
	if need < s.reserve || free < need {
		return fmt.Errorf("%w: %s has %d MiB free and %d MiB are needed; make room and start again",
			statemachine.ErrNoSpace, s.dir, free>>20, need>>20)
	}
	return nil
}
