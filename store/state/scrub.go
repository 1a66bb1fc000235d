package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/statemachine"
)

// CheckTable compares the next of the tables in use with its checksums, index and
// filter included, on the disk as it is now: a filter that has rotted hides keys from
// reads that a scan still finds (R56, R121). It is called by one goroutine, beside
// everything else. more is false when it has come round.
//
// An error that wraps ErrRot names the file. If it wraps ErrRuined, too, no repair in
// place helps. Else it is values that have rotted, which scans and reads see as well;
// the table is named once, since it stays until a compaction, and what has rotted in
// it is repaired in another. Any other error says that the table could not be looked
// at; it is looked at again in the next round.
func (s *Store) CheckTable() (more bool, err error) {
	if err := s.gate.enter(); err != nil {
		return false, nil // it is being closed
	}
	defer s.gate.leave()
	if len(s.unchecked) == 0 {
		s.unchecked, err = s.tables()
		return false, err
	}
	name := s.unchecked[0]
	s.unchecked = s.unchecked[1:]
	if s.told[name] {
		return true, nil
	}
	if err = checkTable(s.space.dir, name); err == nil {
		return true, nil
	}
	// A compaction cuts and removes tables, and then they are in the list no more.
	if listed, other := s.tables(); other != nil || !slices.Contains(listed, name) {
		return true, other
	}
	if errors.Is(err, statemachine.ErrRot) {
		if s.told == nil {
			s.told = map[string]bool{}
		}
		s.told[name] = true
	}
	return true, err
}

// tables returns which tables are in use, from the list on the disk: Badger, when
// asked, looks into the tables themselves, and holds a lock over a fault there.
func (s *Store) tables() (names []string, err error) {
	var f files
	for range 2 { // the first look may have met a list that was just growing
		f = files{dir: s.space.dir, quick: true}
		if names, err = f.listed(); err != nil || !f.closed {
			return names, err
		}
	}
	return nil, fmt.Errorf("%w: %s", statemachine.ErrRuined, &f.found[0])
}

// checkTable checks the file of a table, in which Badger's reads fault where it cannot
// be read.
func checkTable(dir, name string) error {
	f := files{dir: dir, quick: true}
	raw, err := f.read(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: table %s is missing", statemachine.ErrRuined, name)
	case errors.Is(err, unix.EIO):
		return fmt.Errorf("%w: %w", statemachine.ErrRuined, err)
	case err != nil:
		return err
	}
	f.tableIn(name, raw)
	if len(f.found) == 0 {
		return nil
	}
	if err := leads(name, raw); err != nil {
		return fmt.Errorf("%w: %s; %s", statemachine.ErrRuined, &f.found[0], inOneLine(err))
	}
	return fmt.Errorf("%w: %s", statemachine.ErrRot, &f.found[0])
}

// sound refuses a directory that Badger would take in part, or panic at, before it is
// opened (R121). A new one is sound. Torn are the ends of write-ahead logs that are not
// whole, which Badger drops without a word.
func sound(dir string) (torn []Finding, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		ext := filepath.Ext(e.Name())
		info, err := e.Info()
		return ext == tableSuffix || e.Name() == manifestName || ext == memSuffix && err == nil && info.Size() > 0
	}) {
		return nil, nil
	}
	f, err := checkFiles(dir, true, nil)
	if err != nil {
		return nil, err
	}
	for _, found := range f.found {
		switch {
		case found.Torn:
			torn = append(torn, found)
		case f.closed:
			return nil, fmt.Errorf("%w: %s", statemachine.ErrRot, &found)
		}
	}
	return torn, nil
}
