package statemachine

import (
	"errors"
	"fmt"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A Version is the number under which a state is stored: a checkpoint's sequence
// number x 256 + attempt, so that no two different values ever stand at one key
// and version (R84).
type Version uint64

// VersionAt returns the version of an attempt to store the state at a sequence.
func VersionAt(s consensus.Sequence, attempt uint8) Version {
	return Version(uint64(s)<<8 | uint64(attempt))
}

// Sequence returns the checkpoint that the version belongs to.
func (v Version) Sequence() consensus.Sequence { return consensus.Sequence(v >> 8) }

// A Change is the net change of one key in one window: the last write, whether
// or not the value differs from the one before (R124).
type Change struct {
	Key     []byte
	Value   []byte
	Deleted bool
}

// A Marker makes the state at a version visible, in one atomic write (R84).
type Marker struct {
	Version Version
	Chain   crypto.Digest // write-set chain after Version.Sequence()
}

// Errors of a Store that its user tells apart. All others are final.
var (
	// ErrRetired says that what was asked for has been given back (R55), or that a
	// window holds more than the writes of execution (R124). Nothing changed.
	ErrRetired = errors.New("the version is retired")

	// ErrVersion says that a version is above the marker for a read, or not above
	// it, or spent, for a write. Nothing changed.
	ErrVersion = errors.New("the version is out of place")

	// ErrNoSpace says that a write was not begun, or given up, because the disk
	// would be full (R88). Marker and readable states are as before, and the same
	// write may be tried again.
	ErrNoSpace = errors.New("too little disk space is left")

	// ErrRot says that what is stored is not what was written (R121).
	ErrRot = errors.New("stored state is damaged")

	// ErrRuined is an ErrRot that no Salvage steps over and no Install repairs, since
	// it is no value that is damaged but what leads to the values: only another state
	// in the place of the whole helps (R51, R121).
	ErrRuined = fmt.Errorf("%w beyond repair", ErrRot)
)

// A Store keeps versioned state. Keys are the full keys, the framework's
// reserved prefix included. Implementations: store/state on Badger, store/memory
// for tests and the simulator. Safe for concurrent readers beside one writer.
//
// An error from a Store, but for those that say otherwise, is final for the
// replica: it stops rather than answer from a state that it cannot read (R81,
// R121). States from the version last given to Retire up to the marker's can be
// read; others fail with ErrRetired or ErrVersion.
type Store interface {
	// Marker returns the last marker that was set; the zero Marker for a new
	// store.
	Marker() (Marker, error)

	// Read returns the value of a key in the state at a version: the newest value
	// whose version is not above it. The slice belongs to the caller.
	Read(key []byte, at Version) (value []byte, found bool, err error)

	// Scan calls yield for every key in [start, end) in ascending order, in the
	// state at a version, until yield returns false. A nil end means no bound. The
	// slices are valid only during the call.
	Scan(start, end []byte, at Version, yield func(key, value []byte) bool) error

	// Next returns the version at which Apply stores the state at a sequence not
	// below the marker's: the first attempt at which nothing else can stand, not
	// even in part, from an installation that a crash ended (R84).
	Next(s consensus.Sequence) (Version, error)

	// Apply makes the changes durable at a version, sorted by key and each key
	// once, and then sets the marker in a later atomic write. A crash leaves the
	// old marker or the new one; the same changes may then be applied at the same
	// version again (R85). A version that is not above the marker's, or that Next
	// has passed over, fails with ErrVersion.
	Apply(changes []Change, m Marker) error

	// Install replaces what the state has in some partitions by the contents, at an
	// attempt of the sequence that was never used before (R84), and returns the
	// marker that it set. The sequence may be that of the marker in force: so a
	// state that rotted is repaired. contents yields every key of those partitions
	// with its value once, by key ascending, until ok is false; its slices are
	// valid until the next call. All other keys of those partitions are gone; those
	// of other partitions stay as they are, and are not read. Readers see the old
	// state until the marker is set, after everything was read back; a crash or an
	// error leaves the old marker, and Install may begin again (R95). An error from
	// contents is returned and is not final.
	Install(s consensus.Sequence, chain crypto.Digest, partitions PartitionSet, contents func() (c Change, ok bool, err error)) (Marker, error)

	// Salvage is a Scan of the whole state for whoever repairs it: an entry whose
	// value does not fit its checksum does not end it, but is yielded as damaged,
	// without a value (R121). Of rot that it cannot step over it says ErrRuined.
	Salvage(at Version, yield func(key, value []byte, damaged bool) bool) error

	// Window returns the changes with after < version <= through, sorted by key, each
	// key once with the newest of its changes, tombstones included. It fails with
	// ErrRetired if versions in that range have been given back already, or if an
	// installation or a correction after a crash lies in it (R124).
	Window(after, through Version) ([]Change, error)

	// Retire gives back what only states below a version need (R55). States at it
	// and above stay.
	Retire(below Version) error

	// Snapshot stores what the snapshot at a checkpoint is made of (partition
	// digests and counts, encoded by the caller, up to 1 MiB) beside the state;
	// SavedSnapshot returns the newest one, or nil.
	SaveSnapshot(encoded []byte) error
	SavedSnapshot() ([]byte, error)
}
