package replica

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
)

// noteFile says what of a spool is durable.
const noteFile = "staged"

// A spool is a transfer.Spool in a folder: a file for each partition of each area,
// and the note. A file is open only while it is used, since there are many. It is used
// by one goroutine.
type spool struct {
	folder string
	sizes  [transfer.Areas][statemachine.PartitionCount]uint64
	dirty  statemachine.PartitionSet // staged since the last Save
}

var _ transfer.Spool = (*spool)(nil)

// openSpool opens a spool, and removes of an earlier one what was not durable.
func openSpool(folder string) (*spool, error) {
	s := &spool{folder: folder}
	found, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		if keep, err := s.adopt(f); err != nil {
			return nil, err
		} else if !keep {
			if err := os.RemoveAll(filepath.Join(folder, f.Name())); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// adopt takes over a file of an earlier process; false if it is nothing to keep.
func (s *spool) adopt(f os.DirEntry) (keep bool, err error) {
	if f.Name() == noteFile {
		return true, nil
	}
	rest, staged := strings.CutPrefix(f.Name(), fmt.Sprintf("%d-", transfer.AreaStaged))
	var p uint8
	if _, err := fmt.Sscanf(rest, "%d", &p); err != nil || !staged {
		return false, nil
	}
	info, err := f.Info()
	if err != nil {
		return false, err
	}
	s.sizes[transfer.AreaStaged][p] = uint64(info.Size())
	return true, nil
}

func (s *spool) path(a transfer.Area, p uint8) string {
	return filepath.Join(s.folder, fmt.Sprintf("%d-%d", a, p))
}

// Reset implements transfer.Spool.
func (s *spool) Reset() error {
	*s = spool{folder: s.folder}
	return os.RemoveAll(s.folder)
}

// Clear implements transfer.Spool.
func (s *spool) Clear(a transfer.Area, p uint8) error {
	if s.sizes[a][p] == 0 {
		return nil
	}
	s.sizes[a][p] = 0
	return os.Remove(s.path(a, p))
}

// Append implements transfer.Spool.
func (s *spool) Append(a transfer.Area, p uint8, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	flags := os.O_WRONLY
	if s.sizes[a][p] == 0 {
		flags |= os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(s.path(a, p), flags, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(s.folder, 0o700); err != nil {
			return err
		}
		f, err = os.OpenFile(s.path(a, p), flags, 0o600)
	}
	if err != nil {
		return err
	}
	n, err := f.WriteAt(data, int64(s.sizes[a][p]))
	s.sizes[a][p] += uint64(n)
	return errors.Join(err, f.Close())
}

// Size implements transfer.Spool.
func (s *spool) Size(a transfer.Area, p uint8) uint64 { return s.sizes[a][p] }

// ReadAt implements transfer.Spool.
func (s *spool) ReadAt(a transfer.Area, p uint8, b []byte, offset uint64) error {
	if len(b) == 0 {
		return nil
	}
	f, err := os.Open(s.path(a, p))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.ReadAt(b, int64(offset))
	return err
}

// Stage implements transfer.Spool.
func (s *spool) Stage(p uint8) error {
	if s.sizes[transfer.AreaAssembled][p] == 0 {
		return s.Clear(transfer.AreaStaged, p)
	}
	if err := os.Rename(s.path(transfer.AreaAssembled, p), s.path(transfer.AreaStaged, p)); err != nil {
		return err
	}
	s.sizes[transfer.AreaStaged][p], s.sizes[transfer.AreaAssembled][p] = s.sizes[transfer.AreaAssembled][p], 0
	s.dirty.Add(p)
	return nil
}

// Save implements transfer.Spool.
func (s *spool) Save(note []byte) error {
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return err
	}
	for i := range statemachine.PartitionCount {
		if p := uint8(i); s.dirty.Has(p) && s.sizes[transfer.AreaStaged][p] > 0 {
			if err := syncFile(s.path(transfer.AreaStaged, p)); err != nil {
				return err
			}
		}
	}
	s.dirty = statemachine.PartitionSet{}
	return durably(s.folder, func() error {
		next := filepath.Join(s.folder, noteFile+".new")
		if err := writeSynced(next, string(note)); err != nil {
			return err
		}
		return os.Rename(next, filepath.Join(s.folder, noteFile))
	})
}

// Saved implements transfer.Spool.
func (s *spool) Saved() ([]byte, error) {
	note, err := os.ReadFile(filepath.Join(s.folder, noteFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return note, err
}

func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
