package statemachine

import (
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

// A Store keeps versioned state. Keys are the full keys, the framework's
// reserved prefix included. Implementations: store/state on Badger, store/memory
// for tests and the simulator. Safe for concurrent readers beside one writer.
//
// An error from a Store is final for the replica: it stops rather than answer
// from a state that it cannot read (R81, R121).
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

	// Apply makes the changes durable at a version, sorted by key and each key
	// once, and then sets the marker in a later atomic write. A crash leaves the
	// old marker or the new one.
	Apply(changes []Change, m Marker) error

	// Window returns the changes with after < version <= through, sorted by key,
	// tombstones included. It fails with ErrRetired if versions in that range have
	// been given back already.
	Window(after, through Version) ([]Change, error)

	// Retire gives back what only states below a version need (R55).
	Retire(below Version) error

	// Snapshot stores what the snapshot at a checkpoint is made of (partition
	// digests and counts, encoded by the caller, up to 1 MiB) beside the state;
	// SavedSnapshot returns the newest one, or nil.
	SaveSnapshot(encoded []byte) error
	SavedSnapshot() ([]byte, error)
}
