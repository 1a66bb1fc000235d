package state

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/statemachine"
)

const (
	// walBytes bounds the write-ahead log of a memtable, and the table that a
	// memtable becomes: Badger looks whether one is full before each batch, and a
	// batch has at most 15 % of it, and a head for each entry.
	walBytes = memTableBytes + 4<<20

	// compactionBytes is what one compaction of Badger writes at most before it
	// deletes anything: level 0 with its tables of one memtable each, merged into
	// the level below.
	compactionBytes = 128 << 20

	// writeFactor is how often a byte is written before it rests: into the
	// write-ahead log, into a table of level 0, and into a lower level.
	writeFactor = 3

	// openBytes is what an open store is given to write before it asks again.
	openBytes = 16 << 20

	memSuffix   = ".mem"
	tableSuffix = ".sst"
)

// space guards the disk. Badger writes through mappings, so a full disk kills
// the process with SIGBUS, and again at every start (R88). Hence:
//
//   - What is about to be written has to fit before it is begun, together with
//     what Badger may yet do in the background with what it has.
//   - The write-ahead logs, into which every write goes first, are allocated before
//     Badger opens them: see claim.
type space struct {
	dir     string
	reserve uint64        // bytes that stay free beside all of that, for tests
	owed    atomic.Uint64 // of the last look into the folder
}

// holdings are what lies in the folder.
type holdings struct {
	memtables uint64 // whose tables are not written yet
	last      int    // number of the newest of their logs
	tables    uint64 // bytes of tables, as far as they count
}

func (s *space) look() (h holdings, err error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return h, fmt.Errorf("read the state's directory: %w", err)
	}
	for _, e := range entries {
		name, isLog := strings.CutSuffix(e.Name(), memSuffix)
		if !isLog && (filepath.Ext(e.Name()) != tableSuffix || h.tables >= compactionBytes) {
			continue
		}
		info, err := e.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist): // Badger removed it meanwhile
		case err != nil:
			return h, fmt.Errorf("read the state's directory: %w", err)
		case !isLog:
			h.tables += uint64(info.Size())
		case info.Size() > 0:
			h.memtables++
			if n, err := strconv.Atoi(name); err == nil {
				h.last = max(h.last, n)
			}
		}
	}
	return h, nil
}

// owes is what Badger may write although nothing more is asked of it: a table for
// each memtable, and a compaction of all tables, as far as one goes.
func (h holdings) owes() uint64 {
	flush := h.memtables * walBytes
	return flush + min(compactionBytes, h.tables+flush)
}

// fits returns ErrNoSpace unless writing so many bytes leaves free what is owed
// then.
func (s *space) fits(bytes uint64) error {
	h, err := s.look()
	if err != nil {
		return err
	}
	owed := h.owes() + s.reserve
	if owed < s.reserve || owed+writeFactor*bytes < owed {
		owed, bytes = math.MaxUint64, 0
	}
	s.owed.Store(owed)
	return s.free(owed + writeFactor*bytes)
}

// ready returns an error unless so many bytes can be written, and sees to it that
// the next memtable has its log.
func (s *space) ready(bytes uint64) error {
	if err := s.fits(bytes); err != nil {
		return err
	}
	return s.claim()
}

// free returns ErrNoSpace unless so many bytes are free.
func (s *space) free(need uint64) error {
	var f unix.Statfs_t
	if err := unix.Statfs(s.dir, &f); err != nil {
		return fmt.Errorf("free space of %s: %w", s.dir, err)
	}
	if free := f.Bavail * uint64(f.Bsize); free < need { // of other types on other systems
		return fmt.Errorf("%w: %s has %d MiB free and needs %d MiB", statemachine.ErrNoSpace, s.dir, free>>20, need>>20)
	}
	return nil
}

// Room returns how many bytes have to be free in the directory of a store that is
// not open, or not yet there, before it is opened (R88).
func Room(dir string) (uint64, error) {
	s := space{dir: dir}
	h, err := s.look()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	h.memtables++ // opening makes one
	return h.owes() + 2*walBytes + writeFactor*openBytes, err
}

// Pressed returns ErrNoSpace if so little is free that Badger's work in the
// background may not have the room that it needs. It costs one system call, so
// that it may be asked often: what ends the danger is to stop in time.
func (s *Store) Pressed() error { return s.space.free(s.space.owed.Load()) }
