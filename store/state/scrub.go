package state

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/varangian-bft/varangian/statemachine"
)

// CheckTable compares the next of the tables in use with its checksums, index and
// filter included, on the disk as it is now: a filter that has rotted hides keys from
// reads that a scan still finds (R56, R121). It is called by one goroutine, beside
// everything else. more is false when it has come round. An error that wraps ErrRot
// names the file. Each table is named once: a repair writes what it held anew, and the
// table goes with a later compaction.
func (s *Store) CheckTable() (more bool, err error) {
	if err := s.gate.enter(); err != nil {
		return false, nil // it is being closed
	}
	defer s.gate.leave()
	id, ok := s.tableAfter(s.checked)
	if !ok {
		s.checked = 0
		return false, nil
	}
	s.checked = id
	if s.told[id] {
		return true, nil
	}
	name := fmt.Sprintf("%06d%s", id, tableSuffix)
	f := files{dir: s.space.dir, quick: true}
	if err = f.table(name); err == nil && len(f.found) == 0 {
		return true, nil
	}
	// A compaction cuts and removes tables, and then it is in no list any more.
	if next, ok := s.tableAfter(id - 1); !ok || next != id {
		return true, nil
	}
	if s.told == nil {
		s.told = map[uint64]bool{}
	}
	s.told[id] = true
	if len(f.found) > 0 {
		return true, fmt.Errorf("%w: %s", statemachine.ErrRot, &f.found[0])
	}
	if errors.Is(err, fs.ErrNotExist) {
		return true, fmt.Errorf("%w: table %s is missing", statemachine.ErrRot, name)
	}
	return true, err
}

// tableAfter returns the table in use with the lowest number above one.
func (s *Store) tableAfter(id uint64) (next uint64, ok bool) {
	next = math.MaxUint64
	for _, n := range s.db.tables() {
		if n > id && n < next {
			next, ok = n, true
		}
	}
	return next, ok
}

// sound refuses a directory that Badger would take in part, or panic at, before it is
// opened (R121). A new one is sound.
func sound(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		ext := filepath.Ext(e.Name())
		info, err := e.Info()
		return ext == tableSuffix || e.Name() == manifestName || ext == memSuffix && err == nil && info.Size() > 0
	}) {
		return nil
	}
	f, err := checkFiles(dir, true, nil)
	if err != nil {
		return err
	}
	for i := range f.found {
		if f.closed && !f.found[i].Torn {
			return fmt.Errorf("%w: %s", statemachine.ErrRot, &f.found[i])
		}
	}
	return nil
}
