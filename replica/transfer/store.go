package transfer

import (
	"fmt"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

// A Store is one durable write of a transfer. Exactly one of its parts is set.
type Store struct {
	Stage   *Stage
	Install *Install
	Window  *statemachine.Window
}

// A Stage puts a verified partition of a snapshot into the spool.
type Stage struct {
	At        consensus.Sequence
	First     bool // the spool is emptied before
	Partition uint8
	Entries   []byte
}

// An Install makes the staged snapshot the state (R95).
type Install struct {
	At    consensus.Sequence
	Chain crypto.Digest
	Saved []byte // for Store.SaveSnapshot: certificate and partitions
}

// Do carries the write out. marked says that a new marker is in force, so that
// the machine has to be loaded anew. An error is final for the replica.
func (s Store) Do(store statemachine.Store, spool Spool) (marked bool, err error) {
	switch {
	case s.Stage != nil:
		if s.Stage.First {
			if err := spool.Reset(s.Stage.At); err != nil {
				return false, fmt.Errorf("state transfer: %w", err)
			}
		}
		return false, spool.Append(s.Stage.Partition, s.Stage.Entries)
	case s.Install != nil:
		contents, err := merge(spool)
		if err != nil {
			return false, err
		}
		if _, err := store.Install(s.Install.At, s.Install.Chain, statemachine.AllPartitions(), contents); err != nil {
			return false, fmt.Errorf("install the snapshot at %d: %w", s.Install.At, err)
		}
		if err := store.SaveSnapshot(s.Install.Saved); err != nil {
			return true, fmt.Errorf("save the snapshot at %d: %w", s.Install.At, err)
		}
		return true, spool.Reset(0)
	}
	v, err := store.Next(s.Window.Sequence)
	if err == nil {
		err = store.Apply(s.Window.Changes, statemachine.Marker{Version: v, Chain: s.Window.Chain})
	}
	if err != nil {
		return false, fmt.Errorf("store the window of %d: %w", s.Window.Sequence, err)
	}
	return true, nil
}
