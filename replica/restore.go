package replica

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/backup"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/log"
	"github.com/varangian-bft/varangian/store/state"
)

// Restore makes the data folder of a replica from a backup. The folder must be
// new, empty, or not there. With a backup of the replica's own group, the replica starts
// without voting, since it may have promised what it does not know now, and fetches
// what is missing from the others. With the backup that its group names as origin,
// it begins the group; without voting as well, unless the folder is said to be new.
//
// The backup is verified in full before anything is written, and once more while
// it is installed. The folder appears as a whole, or not at all (R95).
func Restore(ctx context.Context, cfg Config, file string, report func(done, all uint64)) (*Backup, error) {
	self, err := cfg.complete()
	if err != nil {
		return nil, configError(err)
	}
	s := &staging{target: filepath.Clean(cfg.DataDir), path: filepath.Clean(cfg.DataDir) + ".restoring"}
	if err := s.vacant(cfg.FirstStart); err != nil {
		return nil, err
	}
	b, err := VerifyBackup(ctx, file, cfg.Group, report)
	if err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.fill(ctx, &cfg, self, b); err != nil {
		return nil, err
	}
	return b, s.settle(identity(cfg.Group, self))
}

// begun refuses to start a replica of a group that begins with a backup before it
// has the state: without touching its folder, so that it can still be restored.
func (c *Config) begun() error {
	if !c.Group.Genesis.Origin.Given() {
		return nil
	}
	if _, err := os.Stat(filepath.Join(c.DataDir, "VERSION")); errors.Is(err, os.ErrNotExist) {
		return failure(ExitSurroundings, "%w: give it with replica restore --from FILE, where FILE is the backup that the group file names as origin (snapshot %d, digest %s) or a later one of this group",
			statemachine.ErrOrigin, c.Group.Genesis.Origin.Sequence, c.Group.Genesis.Origin.Root.Short())
	}
	return nil
}

// A staging is a data folder in the making, beside the place that it is for.
type staging struct {
	target, path string
	lock         *os.File
	isNew        bool // no replica ever ran on the target
	settled      bool
}

// vacant refuses a target that has anything in it but NEW: it may hold promises.
func (s *staging) vacant(first bool) error {
	left, err := os.ReadDir(s.target)
	all := len(left)
	left = slices.DeleteFunc(left, func(e os.DirEntry) bool { return e.Name() == newName })
	s.isNew = first || len(left) < all
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return failure(ExitSurroundings, "data folder: %w", err)
	case s.mounted():
		return failure(ExitSurroundings, "data folder %s is where a file system is mounted, and no folder can be put in its place: name a folder inside it, as data_dir in replica.toml or with --data-dir, for restore and run alike",
			s.target)
	case len(left) > 0:
		return failure(ExitSurroundings, "data folder %s is not empty (it has %s); a restore never overwrites: move the folder away and keep it, or name another with --data-dir",
			s.target, left[0].Name())
	}
	return nil
}

// mounted says whether the target is on another file system than its place.
func (s *staging) mounted() bool {
	var target, place unix.Stat_t
	return unix.Stat(s.target, &target) == nil && unix.Stat(filepath.Dir(s.target), &place) == nil && target.Dev != place.Dev
}

// open makes the staging folder, and empties it of what a restore left that was
// killed.
func (s *staging) open() error {
	if err := os.MkdirAll(s.path, 0o700); err != nil {
		return failure(ExitSurroundings, "restore: %w", err)
	}
	var err error
	if s.lock, err = os.OpenFile(filepath.Join(s.path, "LOCK"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return failure(ExitSurroundings, "restore: %w", err)
	}
	if !tryLock(s.lock) {
		s.lock.Close()
		return failure(ExitSurroundings, "another restore into %s is under way: wait for its end", s.path)
	}
	left, err := os.ReadDir(s.path)
	for _, e := range left {
		if err == nil && e.Name() != "LOCK" {
			err = os.RemoveAll(filepath.Join(s.path, e.Name()))
		}
	}
	if err != nil {
		unlock(s.lock)
		return failure(ExitDisk, "restore: %w", err)
	}
	return nil
}

// close leaves nothing behind of a restore that failed.
func (s *staging) close() {
	if !s.settled {
		_ = os.RemoveAll(s.path) // the next restore tries again
	}
	unlock(s.lock)
}

// fill makes log and state.
func (s *staging) fill(ctx context.Context, cfg *Config, self consensus.ReplicaID, b *Backup) error {
	id := identity(cfg.Group, self)
	store, err := state.Open(state.Config{Dir: filepath.Join(s.path, "state"), Identity: id, Logger: cfg.Logger})
	if err != nil {
		return stateError(err)
	}
	err = install(ctx, store, cfg.Group, b)
	if closed := store.Close(); err == nil && closed != nil {
		err = stateError(closed)
	}
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(s.path, "log"), 0o700); err != nil {
		return failure(ExitDisk, "restore: %w", err)
	}
	l, err := log.Open(log.OS(filepath.Join(s.path, "log")), log.Config{Identity: id, SegmentBytes: cfg.SegmentBytes, Salt: newSalt()},
		func(consensus.Record) error { return nil })
	if err != nil {
		return openLogError(err)
	}
	if err := l.Close(); err != nil {
		return openLogError(err)
	}
	if b.Group != cfg.Group.ID && s.isNew {
		return nil // this replica has promised nothing in the group that begins
	}
	b.Recovers = true
	reason := fmt.Sprintf("restored from a backup of snapshot %d\n", b.Sequence)
	return durably(s.path, func() error { return writeSynced(filepath.Join(s.path, reasonName), reason) })
}

// install makes the backup the state of an empty store, and checks that a machine
// can go on from it.
func install(ctx context.Context, store *state.Store, g *consensus.Group, b *Backup) error {
	file, err := os.Open(b.File)
	if err != nil {
		return failure(ExitSurroundings, "backup: %w", err)
	}
	defer file.Close()
	// Verified again: it may have changed since (R94). An error on the last entry is
	// soon enough, since nothing is visible before all of them are there.
	r, err := backup.Open(ending{ctx, file}, g, crypto.Ed25519)
	if err != nil {
		return backupError(b.File, err)
	}
	at, chain, contents := b.Sequence, b.Chain, r.Next
	begins := b.Group != g.ID
	if begins {
		at, chain, contents = 0, statemachine.InheritedChain(g), statemachine.Inherit(g, r.Next)
	}
	if _, err := store.Install(at, chain, statemachine.AllPartitions(), contents); err != nil {
		if fault := new(backup.Fault); errors.As(err, &fault) || ctx.Err() != nil {
			return backupError(b.File, err)
		}
		return stateError(err)
	}
	if r.Contents().Snapshot.Root != b.Digest {
		return failure(ExitSurroundings, "%s was replaced by another backup meanwhile; begin again", b.File)
	}
	if !begins {
		if err := store.SaveSnapshot(r.Contents().Saved); err != nil {
			return stateError(err)
		}
	}
	if _, err := statemachine.NewMachine(nil, g, store); err != nil {
		return failure(ExitSurroundings, "the group cannot go on from this state: %w", err)
	}
	return nil
}

// settle puts the folder in its place.
func (s *staging) settle(id crypto.Digest) error {
	err := durably(s.path, func() error {
		return writeSynced(filepath.Join(s.path, "VERSION"), fmt.Sprintf("%s %s\n", folderVersion, id))
	})
	if err != nil {
		return err
	}
	// Without NEW an empty folder is one that recovers: no crash here makes a voter.
	marked := os.Remove(filepath.Join(s.target, newName))
	if marked != nil && !errors.Is(marked, os.ErrNotExist) {
		return failure(ExitDisk, "restore: %w", marked)
	}
	parent := filepath.Dir(s.target)
	return durably(parent, func() error {
		// It replaces a folder that is empty, and no other.
		if err := unix.Rename(s.path, s.target); err != nil {
			err = fmt.Errorf("put %s in the place of %s: %w", s.path, strings.TrimSuffix(s.target, "/"), err)
			if marked == nil { // what failed leaves the target as it was
				err = errors.Join(err, MarkNew(s.target))
			}
			return err
		}
		s.settled = true
		return nil
	})
}
