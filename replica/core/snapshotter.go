package core

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
)

// A Snapshotter computes and keeps partition digests on behalf of a replica's
// storer, the one writer of its state. Whoever drives the core calls it where
// Output says Snapshot and Save.
type Snapshotter struct {
	store statemachine.Store
	group *consensus.Group

	base      *statemachine.Partitions // of the newest certified snapshot
	baseAt    consensus.Sequence
	pending   *statemachine.Partitions // computed, and not certified yet
	pendingAt consensus.Sequence
}

// NewSnapshotter reads the snapshot that is saved beside the state, or computes
// that of genesis. The certificate is zero at genesis.
func NewSnapshotter(g *consensus.Group, store statemachine.Store) (*Snapshotter, wire.SnapshotCertificate, error) {
	s := &Snapshotter{store: store, group: g}
	c, err := s.load()
	return s, c, err
}

// Reload reads the saved snapshot again, after a transfer installed another one.
func (s *Snapshotter) Reload() error {
	s.pending, s.pendingAt = nil, 0
	_, err := s.load()
	return err
}

// load reads the saved snapshot.
func (s *Snapshotter) load() (wire.SnapshotCertificate, error) {
	var none wire.SnapshotCertificate
	saved, err := s.store.SavedSnapshot()
	if err != nil {
		return none, err
	}
	if saved == nil {
		v, err := s.versionAt(0)
		if err != nil {
			return none, err
		}
		s.base, err = statemachine.ComputePartitions(s.store, v)
		return none, err
	}
	certificate, partitions, err := ReadSavedSnapshot(saved, s.group)
	if err != nil {
		return none, err
	}
	// The saved version is not certified: a lying source of state transfer chose it,
	// or one whose attempts were other ones (R94).
	if partitions.Version, err = s.versionAt(certificate.Sequence); err != nil {
		return none, err
	}
	s.base, s.baseAt = partitions, certificate.Sequence
	return certificate, nil
}

// ReadSavedSnapshot reads what Save stored: a certificate, which was verified
// before it was saved, and the partitions that it stands for.
func ReadSavedSnapshot(saved []byte, g *consensus.Group) (wire.SnapshotCertificate, *statemachine.Partitions, error) {
	rest := cryptobyte.String(saved)
	certificate, err := wire.ReadSnapshotCertificate(&rest, g)
	if err != nil {
		return wire.SnapshotCertificate{}, nil, fmt.Errorf("saved snapshot: %w", err)
	}
	partitions, ok := statemachine.ReadPartitions(rest)
	if !ok {
		return wire.SnapshotCertificate{}, nil, fmt.Errorf("saved snapshot: %w", wire.ErrForm)
	}
	return certificate.Value, partitions, nil
}

// lastVersion is the highest version that can belong to a checkpoint: its state is
// read through all attempts to store it (R84).
func lastVersion(s consensus.Sequence) statemachine.Version { return statemachine.VersionAt(s, 255) }

// Snapshot brings the partition digests from the certified snapshot up to a
// checkpoint whose marker was set; ok is false if it has them already.
func (s *Snapshotter) Snapshot(m statemachine.Marker) (n wire.Snapshot, ok bool, err error) {
	at := m.Version.Sequence()
	if at <= s.baseAt || at <= s.pendingAt {
		return n, false, nil
	}
	to, err := s.versionAt(at)
	if err != nil {
		return n, false, err
	}
	next, err := statemachine.NextPartitions(s.store, s.base, to)
	if errors.Is(err, statemachine.ErrRetired) { // an installation lies between
		next, err = statemachine.ComputePartitions(s.store, to)
	}
	if err != nil {
		return n, false, fmt.Errorf("snapshot at %d: %w", at, err)
	}
	s.pending, s.pendingAt = next, at
	return wire.Snapshot{Sequence: at, Chain: m.Chain, Root: next.Root()}, true, nil
}

// versionAt is the version through which the state at a checkpoint is read: never
// above the marker, since nothing above it may be read.
func (s *Snapshotter) versionAt(at consensus.Sequence) (statemachine.Version, error) {
	m, err := s.store.Marker()
	return min(lastVersion(at), m.Version), err
}

// Save keeps a certified snapshot beside the state, and gives back what only
// older states needed (R55).
func (s *Snapshotter) Save(c wire.SnapshotCertificate) error {
	if s.pending == nil || s.pendingAt != c.Sequence {
		return nil
	}
	if err := s.store.SaveSnapshot(append(c.Marshal(), s.pending.Marshal()...)); err != nil {
		return fmt.Errorf("snapshot at %d: %w", c.Sequence, err)
	}
	to, err := s.versionAt(c.Sequence)
	if err != nil {
		return err
	}
	// The next snapshot reads the old values there, where they stay readable.
	s.base, s.baseAt, s.pending = s.pending, c.Sequence, nil
	s.base.Version = to
	return s.store.Retire(to)
}
