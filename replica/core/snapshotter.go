package core

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
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

	scrub *statemachine.Scrub
	chain *statemachine.ChainCheck // of what was there at the start; nil once it is done
}

// NewSnapshotter reads the snapshot that is saved beside the state, or computes
// that of genesis. The certificate is zero at genesis.
func NewSnapshotter(g *consensus.Group, store statemachine.Store) (*Snapshotter, wire.SnapshotCertificate, error) {
	s := &Snapshotter{store: store, group: g, scrub: statemachine.NewScrub(store)}
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
	c, base, err := readSaved(s.group, s.store)
	if err != nil {
		return wire.SnapshotCertificate{}, err
	}
	s.base, s.baseAt = base, c.Value.Sequence
	if err := s.compare(c.Value.Chain); err != nil || s.baseAt == 0 {
		return wire.SnapshotCertificate{}, err
	}
	return c.Value, nil
}

// readSaved returns the snapshot that a store has saved, or that of genesis, which
// the group file certifies, with the version under which the store has its state.
func readSaved(g *consensus.Group, store statemachine.Store) (c crypto.Unverified[wire.SnapshotCertificate], p *statemachine.Partitions, err error) {
	saved, err := store.SavedSnapshot()
	if err != nil {
		return c, nil, err
	}
	if saved == nil && g.Genesis.Origin.Given() {
		// What the group file certifies is the state of another group, from which this
		// one was made: what was stored is all that there is to compare with.
		m, err := store.Marker()
		if err != nil {
			return c, nil, err
		}
		c.Value.Chain = statemachine.InheritedChain(g)
		p, err = statemachine.ComputePartitions(store, min(lastVersion(0), m.Version))
		return c, p, err
	}
	if saved == nil {
		changes, marker := statemachine.Genesis(g)
		p, c.Value.Chain = new(statemachine.Partitions), marker.Chain
		for i := range changes {
			p.Add(changes[i].Key, changes[i].Value)
		}
	} else {
		rest := cryptobyte.String(saved)
		if c, err = wire.ReadSnapshotCertificate(&rest, g); err != nil {
			return c, nil, fmt.Errorf("saved snapshot: %w", err)
		}
		var ok bool
		if p, ok = statemachine.ReadPartitions(rest); !ok {
			return c, nil, fmt.Errorf("saved snapshot: %w", wire.ErrForm)
		}
	}
	// The saved version is not certified: a lying source of state transfer chose it,
	// or one whose attempts were other ones (R94).
	m, err := store.Marker()
	p.Version = min(lastVersion(c.Value.Sequence), m.Version)
	return c, p, err
}

// SavedSnapshot returns the snapshot that a store has saved, or that of genesis,
// after everything about it was verified.
func SavedSnapshot(g *consensus.Group, store statemachine.Store, scheme crypto.Scheme) (wire.SnapshotCertificate, *statemachine.Partitions, error) {
	c, p, err := readSaved(g, store)
	if err != nil || c.Value.Sequence == 0 {
		return c.Value, p, err
	}
	valid := false
	crypto.VerifyAll(scheme, []crypto.Unverified[wire.SnapshotCertificate]{c},
		func(int, crypto.Verified[wire.SnapshotCertificate]) { valid = true }, func(int) {})
	switch {
	case !valid:
		return c.Value, nil, fmt.Errorf("%w: a signature of its certificate does not hold", statemachine.ErrRot)
	case p.Root() != c.Value.Root:
		return c.Value, nil, fmt.Errorf("%w: its partitions are not those that were certified", statemachine.ErrRot)
	}
	return c.Value, p, nil
}

// compare begins to compare what is stored with the snapshot. A store in which
// something was installed above it has no longer the state at the snapshot (R124):
// then the next one has to be waited for.
func (s *Snapshotter) compare(chain crypto.Digest) error {
	m, err := s.store.Marker()
	if err != nil {
		return err
	}
	_, err = s.store.Window(s.base.Version, min(s.base.Version+1, m.Version))
	switch {
	case errors.Is(err, statemachine.ErrRetired):
		s.scrub.Restart(nil)
		s.chain = nil
		return nil
	case err != nil:
		return err
	}
	s.scrub.Restart(s.base)
	s.chain = statemachine.NewChainCheck(s.store, s.baseAt, chain, s.group.Genesis.Parameters.CheckpointInterval)
	return nil
}

// Scrub compares a further piece of what is stored with what was certified (R56):
// at a start the windows since the snapshot, one with each call, and then up to so
// many keys. done says that a round over all keys has ended. An error that wraps
// statemachine.ErrRot is told the core as Suspected.
func (s *Snapshotter) Scrub(keys int) (done bool, err error) {
	if s.chain == nil {
		return s.scrub.Step(keys)
	}
	done, err = s.chain.Step()
	if errors.Is(err, statemachine.ErrRetired) {
		done, err = true, nil
	}
	if done || err != nil {
		s.chain = nil
	}
	return false, err
}

// Scrubbed says how many rounds over all keys have ended, and how far the present
// one is. Waiting is true as long as there is nothing to compare with.
func (s *Snapshotter) Scrubbed() (rounds, passed, of uint64, waiting bool) {
	passed, of = s.scrub.Keys()
	return s.scrub.Rounds(), passed, of, s.chain == nil && s.scrub.Waits()
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
	next, err := statemachine.NextPartitions(s.store, s.base, to, s.scrub)
	if errors.Is(err, statemachine.ErrRetired) { // an installation lies between
		s.scrub.Restart(nil)
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

// Save keeps a certified snapshot beside the state.
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
	s.scrub.Settle(s.base)
	return nil
}

// Retirable returns up to which version only states below a checkpoint need what is
// stored (R55), and neither does the next snapshot. The executor may still read below
// it: it is retired when that has heard of everything flushed so far.
func (s *Snapshotter) Retirable(below consensus.Sequence) (statemachine.Version, error) {
	to, err := s.versionAt(below)
	return min(to, s.base.Version), err
}
