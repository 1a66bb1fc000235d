package soak

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/varangian-bft/varangian/bench/group"
	"github.com/varangian-bft/varangian/bench/usage"
)

// A column is one thing that is measured of each replica.
type column int

const (
	memory column = iota
	logFiles
	tables
	valueLogs
	otherState
	spools
	remainder
	descriptors
	columns
)

func (c column) String() string {
	return [columns]string{
		"memory MB", "log MB", "state tables MB", "value logs MB", "state, other MB", "spools MB", "other files MB", "open files",
	}[c]
}

// slack is how much a column may grow over half of the time without being called
// unbounded: one memtable, one segment, a few tables.
const slack = 64

// A sample holds all columns of one replica at one time.
type sample [columns]float64

// of measures one replica.
func of(r *group.Replica) (sample, error) {
	var s sample
	u, err := usage.Of(r.PID())
	if err != nil {
		return s, fmt.Errorf("%s: %w", r.Name, err)
	}
	s[memory] = float64(u.MemoryBytes) / 1e6
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", r.PID()))
	if err != nil {
		return s, err
	}
	s[descriptors] = float64(len(open))
	return s, filepath.WalkDir(r.Data(), func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(r.Data(), path)
		if err != nil {
			return err
		}
		s[kindOf(name)] += allocated(info) / 1e6
		return nil
	})
}

// allocated returns what a file takes on the disk: files are made long in advance.
func allocated(info fs.FileInfo) float64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return float64(stat.Blocks) * 512
	}
	return float64(info.Size())
}

// kindOf tells a file by its path in the data folder.
func kindOf(path string) column {
	dir, _, _ := strings.Cut(path, "/")
	switch {
	case dir == "log":
		return logFiles
	case dir == "fetched" || dir == "served":
		return spools
	case dir != "state":
		return remainder
	}
	switch filepath.Ext(path) {
	case ".sst":
		return tables
	case ".vlog":
		return valueLogs
	}
	return otherState
}
