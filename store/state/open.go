package state

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

// formatVersion is how this package writes. A directory of another format is
// refused.
const formatVersion = 1

// The keys of this package. Each counts its own timestamps.
var (
	identityKey = []byte{metaPrefix, 'i'}
	controlKey  = []byte{metaPrefix, 'c'}
	snapshotKey = []byte{metaPrefix, 'h'}
)

// Errors of Open.
var (
	// ErrForeign says that the directory belongs to another replica (R87).
	ErrForeign = errors.New("the state's directory belongs to another replica")

	// ErrFormat says that another version of this program wrote the directory.
	ErrFormat = errors.New("the state's directory has a format that this program does not know")
)

// Config says where a Store is and whose it is.
type Config struct {
	Dir      string        // made if it is not there; only the store's files may be in it
	Identity crypto.Digest // group, replica and key: an existing store has to have the same (R87)
	Logger   *slog.Logger  // nil: nothing is logged

	// Failed is told, from any goroutine, what keeps Badger from its work in the
	// background. Badger itself tries again for ever, and lets writers wait.
	Failed func(error)
}

// Open opens the store in a directory, or makes a new one. It fails with
// ErrForeign, ErrFormat, statemachine.ErrNoSpace or statemachine.ErrRot; with
// another error if a second process has the directory open, or a file of it is
// missing or damaged.
func Open(cfg Config) (*Store, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state's directory: %w", err)
	}
	s := &Store{space: &space{dir: cfg.Dir}}
	// Opening writes, too.
	room, err := Room(cfg.Dir)
	if err := errors.Join(err, s.space.free(room), probe(cfg.Dir, fileBytesMax), s.space.unclaim()); err != nil {
		return nil, err
	}
	torn, err := sound(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("open the state in %s: %w", cfg.Dir, err)
	}
	for _, end := range torn { // a crash cut it, or it rotted: nothing tells which
		cfg.Logger.Warn("the state has lost the end of a file; what stood there is repaired by executing or fetching it again",
			"file", end.File, "offset", end.Offset)
	}
	if s.db, err = openDatabase(cfg.Dir, logger{cfg.Logger, cfg.Failed}); err != nil {
		return nil, err
	}
	err = survive(func(outside *bool) error { return abroad(outside, func() error { return s.recover(cfg.Identity) }) })
	if err == nil {
		err = errors.Join(s.space.claimFirst(), s.space.ready(0))
	}
	if err != nil {
		return nil, errors.Join(err, s.db.close())
	}
	return s, nil
}

// recover finds out what of an open database is valid.
func (s *Store) recover(identity crypto.Digest) error {
	if err := s.bind(identity); err != nil {
		return err
	}
	raw, stamp, err := s.db.newest(controlKey)
	if err != nil {
		return err
	}
	c := &control{}
	if stamp != 0 {
		if c, err = readControl(raw); err != nil {
			return err
		}
	}
	c.stamp = stamp
	s.valid.Store(c)
	// Badger forgets it.
	s.db.discard(uint64(c.resolve(c.retired)))
	return s.survey(c)
}

// bind compares format and identity, and writes them into a new database.
func (s *Store) bind(identity crypto.Digest) error {
	raw, stamp, err := s.db.newest(identityKey)
	if err != nil {
		return err
	}
	if stamp == 0 {
		empty := true
		if err := s.db.visit(walk{through: math.MaxUint64, history: true}, func(*cell) (bool, error) {
			empty = false
			return false, nil
		}); err != nil {
			return err
		}
		if !empty {
			// Badger drops tables without a word when the list of them was cut.
			return fmt.Errorf("%w: there are values, and the entry that binds them to a replica is gone", statemachine.ErrRot)
		}
		b := cryptobyte.NewBuilder(nil)
		b.AddUint32(formatVersion)
		b.AddBytes(identity[:])
		return s.db.put(1, entry{identityKey, b.BytesOrPanic()})
	}
	return checkIdentity(raw, identity)
}

// survey counts the values at the marker's version, which shows a hole in
// Badger's log (R121), and notes which versions a crash left above it (R85).
func (s *Store) survey(c *control) error {
	since := uint64(0)
	if c.marker.Version > 0 {
		since = uint64(c.marker.Version) - 1
	}
	var sets uint64
	above := map[statemachine.Version]struct{}{}
	err := s.db.visit(walk{since: since, through: math.MaxUint64, history: true}, func(e *cell) (bool, error) {
		if v := statemachine.Version(e.version); v > c.marker.Version {
			above[v] = struct{}{}
		} else if !e.deleted {
			sets++
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if sets != c.sets {
		return fmt.Errorf("%w: the state at version %d has %d of %d values; empty the directory and let the replica fetch the state",
			statemachine.ErrRot, c.marker.Version, sets, c.sets)
	}
	for v := range above {
		s.leftovers = append(s.leftovers, v)
	}
	slices.Sort(s.leftovers)
	return nil
}
