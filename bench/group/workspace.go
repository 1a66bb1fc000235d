package group

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	workspacePattern = "varangian-bench-*"
	lockName         = "lock"
	// unlockedAge is how old a folder without a lock must be before it counts as
	// left behind: its owner locks it right after making it.
	unlockedAge  = time.Minute
	removeTries  = 50
	removePeriod = 100 * time.Millisecond
)

// A Workspace is a temporary folder that belongs to one process.
type Workspace struct {
	Dir  string
	lock *os.File
}

// NewWorkspace makes a folder in parent, which "" takes from the environment, and
// removes those that processes which were killed have left there.
func NewWorkspace(parent string) (*Workspace, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	sweep(parent)
	dir, err := os.MkdirTemp(parent, workspacePattern)
	if err != nil {
		return nil, err
	}
	lock, err := lockFile(filepath.Join(dir, lockName), os.O_CREATE)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &Workspace{Dir: dir, lock: lock}, nil
}

// Close removes the folder. Processes that work in it should have ended.
func (w *Workspace) Close() error {
	defer w.lock.Close()
	return removeAll(w.Dir)
}

// Keep leaves the folder in place for a person to look at, under another name that
// no later call of NewWorkspace removes, and returns that.
func (w *Workspace) Keep() (string, error) {
	defer w.lock.Close()
	kept := strings.Replace(w.Dir, "varangian-bench-", "varangian-kept-", 1)
	return kept, os.Rename(w.Dir, kept)
}

// sweep removes what dead processes left. What it cannot remove, or does not own,
// stays: it may be somebody else's.
func sweep(parent string) {
	left, err := filepath.Glob(filepath.Join(parent, workspacePattern))
	if err != nil {
		return
	}
	for _, dir := range left {
		lock, err := lockFile(filepath.Join(dir, lockName), 0)
		if err == nil {
			_ = removeAll(dir)
			lock.Close()
			continue
		}
		info, statErr := os.Stat(dir)
		if errors.Is(err, fs.ErrNotExist) && statErr == nil && time.Since(info.ModTime()) > unlockedAge {
			_ = removeAll(dir)
		}
	}
}

// lockFile opens and locks a file. The lock ends with the process, however that
// ends.
func lockFile(path string, create int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|create, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return f, nil
}

// removeAll removes a folder in which a process that is about to end may still be
// writing.
func removeAll(dir string) error {
	tick := time.NewTicker(removePeriod)
	defer tick.Stop()
	var err error
	for range removeTries {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		<-tick.C
	}
	return err
}
