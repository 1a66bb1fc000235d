package replica

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
)

// A spool is a transfer.Spool in a folder, one file for each partition. Nothing is
// synced: a transfer that a crash ends begins anew. It is used by one goroutine.
type spool struct {
	folder string
	files  [statemachine.PartitionCount]*os.File
	sizes  [statemachine.PartitionCount]uint64
}

var _ transfer.Spool = (*spool)(nil)

func newSpool(folder string) *spool { return &spool{folder: folder} }

// Reset implements transfer.Spool. At sequence 0 it leaves no folder behind.
func (s *spool) Reset(at consensus.Sequence) error {
	var errs []error
	for i, f := range s.files {
		if f != nil {
			errs = append(errs, f.Close())
			s.files[i] = nil
		}
		s.sizes[i] = 0
	}
	errs = append(errs, os.RemoveAll(s.folder))
	if at > 0 {
		errs = append(errs, os.Mkdir(s.folder, 0o700))
	}
	return errors.Join(errs...)
}

// Append implements transfer.Spool.
func (s *spool) Append(partition uint8, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if s.files[partition] == nil {
		f, err := os.OpenFile(filepath.Join(s.folder, strconv.Itoa(int(partition))), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		s.files[partition] = f
	}
	n, err := s.files[partition].WriteAt(data, int64(s.sizes[partition]))
	s.sizes[partition] += uint64(n)
	return err
}

// Size implements transfer.Spool.
func (s *spool) Size(partition uint8) uint64 { return s.sizes[partition] }

// ReadAt implements transfer.Spool.
func (s *spool) ReadAt(partition uint8, p []byte, offset uint64) error {
	if len(p) == 0 {
		return nil
	}
	if s.files[partition] == nil {
		return os.ErrNotExist
	}
	_, err := s.files[partition].ReadAt(p, int64(offset))
	return err
}
