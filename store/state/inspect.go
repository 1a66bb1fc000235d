package state

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/crypto"
)

// errInspected is the answer to every write of a store that is only looked at.
var errInspected = errors.New("the state is open for inspection only")

// An Inspection says what to look at.
type Inspection struct {
	Dir      string
	Identity crypto.Digest
	Progress func(bytes int64) // called after each piece that was read; nil: nobody asks
}

// Inspect checks the state of a stopped replica, without changing a byte of it:
// first file by file, and then, if the files are in order, as a database: every
// entry that any version holds, and the entries of this package. Findings name the
// record. The store is what a replica would open; nil if it cannot be opened. Its
// writes fail. The caller calls closing, whatever is returned. An error is one of
// the surroundings, ErrForeign or ErrFormat.
func Inspect(in Inspection) (store *Store, found []Finding, closing func(), err error) {
	closing = func() {}
	if _, err := os.Stat(in.Dir); err != nil {
		return nil, nil, closing, err
	}
	f, err := checkFiles(in.Dir, false, in.Progress)
	if err != nil {
		return nil, f.found, closing, err
	}
	if f.closed {
		return nil, f.found, closing, nil
	}
	mirror, err := f.mirror()
	if err != nil {
		return nil, f.found, closing, err
	}
	s := &Store{failed: errInspected, space: &space{dir: mirror}}
	shut := func() { _ = os.RemoveAll(mirror) }
	if err := guarded(func() error { s.db, err = openMirror(mirror); return err }); err != nil {
		return nil, append(f.found, Finding{Offset: -1, What: err.Error()}), shut, nil
	}
	closing = func() {
		_ = s.Close() // nothing was written
		shut()
	}
	more, err := s.inspect(in.Identity)
	if err != nil {
		return nil, f.found, closing, err
	}
	found = append(f.found, more...)
	if s.valid.Load() == nil {
		return nil, found, closing, nil
	}
	return s, found, closing, nil
}

// mirror makes a folder in which Badger opens the same data: it looks through
// links at what it only reads, and at copies of its write-ahead logs, cut where it
// would cut them.
func (f *files) mirror() (string, error) {
	dir, err := filepath.Abs(f.dir)
	if err != nil {
		return "", err
	}
	mirror, err := os.MkdirTemp("", "varangian-inspect-")
	if err != nil {
		return "", err
	}
	links := append([]string{manifestName}, f.tables...)
	if _, err := os.Stat(filepath.Join(dir, registryName)); err == nil {
		links = append(links, registryName)
	}
	for _, name := range links {
		if err = os.Symlink(filepath.Join(dir, name), filepath.Join(mirror, name)); err != nil {
			break
		}
	}
	for name, end := range f.logs {
		if err == nil && end >= walHeader {
			err = copyHead(filepath.Join(mirror, name), filepath.Join(dir, name), end)
		}
	}
	if err != nil {
		_ = os.RemoveAll(mirror) // the error that counts is the first one
		return "", fmt.Errorf("make a folder to look at the state in: %w", err)
	}
	return mirror, nil
}

func copyHead(to, from string, bytes int64) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.CopyN(out, in, bytes); err != nil {
		_ = out.Close() // the error that counts is the first one
		return err
	}
	return out.Close()
}

func openMirror(dir string) (database, error) {
	return openBadger(badgerOptions(dir, logger{to: slog.New(slog.DiscardHandler)}).WithReadOnly(true))
}

// inspect reads everything that the database holds. Without an identity or a
// control entry that can be read, no state is valid.
func (s *Store) inspect(identity crypto.Digest) (found []Finding, err error) {
	note := func(err error) { found = append(found, Finding{Offset: -1, What: err.Error()}) }
	raw, stamp, err := s.db.newest(identityKey)
	switch {
	case err != nil:
		note(err)
		return found, nil
	case stamp == 0:
		note(errors.New("the entry that binds the state to its replica is not there"))
		return found, nil
	}
	if err := checkIdentity(raw, identity); err != nil {
		return nil, err
	}
	c := &control{}
	raw, c.stamp, err = s.db.newest(controlKey)
	if err == nil && c.stamp > 0 {
		stamp := c.stamp
		c, err = readControl(raw)
		if err == nil {
			c.stamp = stamp
		}
	}
	if err != nil {
		note(err)
		return found, nil
	}
	s.valid.Store(c)
	if err := guarded(func() error { return s.survey(c) }); err != nil {
		note(err)
	}
	if err := s.order(); err != nil {
		note(err)
	}
	return found, nil
}

// order walks through each version of each entry of the state. Their seals were
// checked file by file.
func (s *Store) order() error {
	return guarded(func() error {
		return s.db.visit(walk{through: math.MaxUint64, history: true}, func(*cell) (bool, error) { return true, nil })
	})
}

// checkIdentity compares format and owner of a database.
func checkIdentity(raw []byte, identity crypto.Digest) error {
	var format uint32
	var owner crypto.Digest
	r := cryptobyte.String(raw)
	if !r.ReadUint32(&format) || format != formatVersion || !r.CopyBytes(owner[:]) || !r.Empty() {
		return fmt.Errorf("%w: format %d, not %d", ErrFormat, format, formatVersion)
	}
	if owner != identity {
		return fmt.Errorf("%w: its identity is %s, not %s", ErrForeign, owner.Short(), identity.Short())
	}
	return nil
}
