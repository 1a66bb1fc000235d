package replica

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/crypto"
)

// folderVersion is the format of the data folder; another one is refused.
const folderVersion = "varangian-data/1"

// A folder is the locked data folder of a replica:
//
//	LOCK      held while a replica runs
//	VERSION   format, and the identity that the folder is bound to
//	log/      what this replica promised
//	state/    the state at the last durable checkpoint
//	control   socket of `replica status`
type folder struct {
	path  string
	lock  *os.File
	fresh bool // no replica ever ran here
}

func (f *folder) in(name string) string { return filepath.Join(f.path, name) }

// open makes or opens a data folder, locks it, and refuses one that belongs to
// another replica, group or format (R87).
func (f *folder) open(id crypto.Digest) error {
	if err := os.MkdirAll(f.path, 0o700); err != nil {
		return folderError(err)
	}
	var err error
	if f.lock, err = os.OpenFile(f.in("LOCK"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return folderError(err)
	}
	if err := unix.Flock(int(f.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return failure(ExitSurroundings, "data folder %s is in use by another process; stop that one, or give this one its own --data-dir", f.path)
	}
	return f.check(id)
}

// check compares VERSION with what this replica expects.
func (f *folder) check(id crypto.Digest) error {
	text, err := os.ReadFile(f.in("VERSION"))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return f.checkFresh()
	case err != nil:
		return folderError(err)
	}
	version, owner, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if version != folderVersion {
		return failure(ExitSurroundings, "data folder %s has format %q; this version reads %q", f.path, version, folderVersion)
	}
	if owner != id.String() {
		return failure(ExitSurroundings, "data folder %s belongs to another replica or group; give this replica its own --data-dir", f.path)
	}
	return nil
}

// checkFresh accepts a folder without VERSION only if nothing is in it: a log
// that lost its VERSION is damage, and may hold promises (R83).
func (f *folder) checkFresh() error {
	for _, name := range []string{"log", "state"} {
		left, err := os.ReadDir(f.in(name))
		if err == nil && len(left) > 0 {
			if _, err := os.Stat(f.in("NEW")); err == nil {
				continue // a first start was interrupted before the replica could promise anything
			}
			return failure(ExitDisk, "data folder %s: VERSION is missing beside %s; the folder is damaged", f.path, name)
		}
	}
	f.fresh = true
	for _, name := range []string{"log", "state"} {
		if err := os.RemoveAll(f.in(name)); err != nil {
			return folderError(err)
		}
		if err := os.Mkdir(f.in(name), 0o700); err != nil {
			return folderError(err)
		}
	}
	return durably(f.path, func() error { return writeSynced(f.in("NEW"), "first start under way\n") })
}

// settle binds a fresh folder to its replica, once log and state are made and
// before anything is promised.
func (f *folder) settle(id crypto.Digest) error {
	if f.fresh {
		err := durably(f.path, func() error {
			return writeSynced(f.in("VERSION"), fmt.Sprintf("%s %s\n", folderVersion, id))
		})
		if err != nil {
			return err
		}
	}
	if _, err := os.Stat(f.in("NEW")); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	// Left in place it would excuse a VERSION that is lost later.
	return durably(f.path, func() error { return os.Remove(f.in("NEW")) })
}

// durably does something to a folder, and syncs the folder.
func durably(path string, do func() error) error {
	if err := do(); err != nil {
		return folderError(err)
	}
	dir, err := os.Open(path)
	if err != nil {
		return folderError(err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return folderError(err)
	}
	return nil
}

// writeSynced writes a file that is either whole or not there.
func writeSynced(path, text string) error {
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := file.WriteString(text); err != nil {
		file.Close()
		return err
	}
	if err := file.Sync(); err != nil {
		file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (f *folder) close() {
	if f.lock != nil {
		f.lock.Close()
	}
}
