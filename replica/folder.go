package replica

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/varangian-bft/varangian/crypto"
)

// folderVersion is the format of the data folder; another one is refused.
const (
	folderName    = "varangian-data/"
	folderVersion = folderName + "1"

	newName = "NEW"
)

// A folder is the locked data folder of a replica:
//
//	LOCK              held while a replica runs
//	NEW               no replica ever ran here: the first start needs it, and takes it away
//	VERSION           format, and the identity that the folder is bound to
//	log/              what this replica promised
//	state/            the state at the last durable checkpoint
//	RECOVER           why the log is not whole, until the log itself says so
//	log.damaged-N, state.damaged-N
//	                  what was set aside, the newest two of each
//	fetched/, served/ a state transfer under way
//	evidence/, ALARM  proofs against others; the own state was found wrong
//	ballast           room for what has to be written when there is none
//	control           socket of `replica status`
type folder struct {
	path   string
	lock   *os.File
	fresh  bool   // no replica ever ran here
	forgot string // why this replica may have promised what its log does not hold
}

func (f *folder) in(name string) string { return filepath.Join(f.path, name) }

// open makes or opens a data folder, locks it, and refuses one that belongs to
// another replica, group or format (R87). A folder that is empty although nobody
// said that it is new has lost everything: fresh is left false then, and forgot
// says why (R83, R91).
func (f *folder) open(id crypto.Digest, first bool) error {
	if err := os.MkdirAll(f.path, 0o700); err != nil {
		return folderError(err)
	}
	var err error
	if f.lock, err = os.OpenFile(f.in("LOCK"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return folderError(err)
	}
	if !tryLock(f.lock) {
		return failure(ExitSurroundings, "data folder %s is in use by another process; stop that one, or give this one its own --data-dir", f.path)
	}
	if err := f.readReason(); err != nil {
		return err
	}
	return f.check(id, first)
}

// check compares VERSION with what this replica expects.
func (f *folder) check(id crypto.Digest, first bool) error {
	text, err := os.ReadFile(f.in("VERSION"))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return f.checkFresh(first)
	case err != nil:
		return folderError(err)
	}
	version, owner, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if !strings.HasPrefix(version, folderName) || len(owner) != len(id.String()) {
		return f.forget("the file VERSION is damaged")
	}
	if version != folderVersion {
		return failure(ExitSurroundings, "data folder %s has format %q (file VERSION); this version reads %q", f.path, version, folderVersion)
	}
	if owner != id.String() {
		return failure(ExitSurroundings, "data folder %s belongs to another replica or group (file VERSION); give this replica its own --data-dir", f.path)
	}
	return nil
}

// checkFresh decides what a folder without VERSION is. It is new if NEW says so, in
// which case whatever lies there is of a first start that was interrupted before
// the replica could promise anything, or if the caller says so and it is empty.
// Every other one was emptied or lost its VERSION, and may have held promises.
func (f *folder) checkFresh(first bool) error {
	holds := ""
	for _, name := range []string{"log", "state"} {
		if left, err := os.ReadDir(f.in(name)); err == nil && len(left) > 0 {
			holds = name
		}
	}
	_, err := os.Stat(f.in(newName))
	switch {
	case f.forgot != "": // the start that began to recover was interrupted
		return nil
	case err == nil, first && holds == "":
		f.fresh = true
	case !errors.Is(err, os.ErrNotExist):
		return folderError(err)
	case holds != "":
		return f.forget("the file VERSION is missing beside " + holds)
	default:
		return f.forget("the data folder is empty, and was not said to be new")
	}
	for _, name := range []string{"log", "state"} {
		if err := os.RemoveAll(f.in(name)); err != nil {
			return folderError(err)
		}
	}
	return durably(f.path, func() error { return writeSynced(f.in(newName), "no replica ever ran here\n") })
}

// MarkNew says of a data folder, which is made if need be, that no replica ever ran
// in it. Its first start needs that: an empty folder by itself is one that has lost
// what the replica promised (R83, R91).
func MarkNew(dataDir string) error {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return err
	}
	left, err := os.ReadDir(dataDir)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if len(left) > 0 {
		return fmt.Errorf("data folder %s is not empty (it has %s)", dataDir, left[0].Name())
	}
	return durably(dataDir, func() error { return writeSynced(filepath.Join(dataDir, newName), "no replica ever ran here\n") })
}

// settle binds a folder to its replica, once log and state are made and before
// anything is promised.
func (f *folder) settle(id crypto.Digest) error {
	if f.fresh || f.forgot != "" {
		err := durably(f.path, func() error {
			return writeSynced(f.in("VERSION"), fmt.Sprintf("%s %s\n", folderVersion, id))
		})
		if err != nil {
			return err
		}
	}
	// Left in place it would excuse a VERSION that is lost later.
	return f.remove(newName)
}

// remove removes a file durably, if it is there.
func (f *folder) remove(name string) error {
	if _, err := os.Stat(f.in(name)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return durably(f.path, func() error { return os.Remove(f.in(name)) })
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

func (f *folder) close() { unlock(f.lock) }
