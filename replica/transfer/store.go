package transfer

import (
	"fmt"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

// A Store is one job of a transfer at the disk. Exactly one of its parts is set.
type Store struct {
	Survey   *Survey
	Collect  *Collect
	Compare  *Compare
	Gather   *Gather
	Assemble *Assemble
	Save     *Save
	Install  *Install
	Window   *statemachine.Window
	Discard  *Discard
}

// A Survey finds out what is here: the digests of what the store returns at the
// marker (R56), and those of the partitions that an earlier transfer left in the
// spool (R94).
type Survey struct {
	Resume bool // else the spool is emptied
}

// A Collect copies the own entries of some partitions into the spool, in one scan.
type Collect struct{ Partitions statemachine.PartitionSet }

// A Compare finds the positions in a list whose entries are not here.
type Compare struct {
	Partition uint8
	Root      crypto.Digest // of the snapshot
	List      []byte
}

// A Gather adds entries that arrived to the spool, unverified.
type Gather struct {
	Partition uint8
	First     bool // what was gathered before is dropped
	Entries   []byte
}

// An Assemble makes a partition of what was gathered and, if there is a list, of
// those entries here that the list has. It is staged only if it has the certified
// digest (R94).
type Assemble struct {
	Partition uint8
	Root      crypto.Digest
	List      []byte // nil: what was gathered is the whole
	Gathered  bool   // something was
	Digest    crypto.Digest
}

// A Save makes what is staged survive a crash.
type Save struct{ Note []byte }

// An Install makes the staged snapshot the state (R95).
type Install struct {
	At     consensus.Sequence
	Chain  crypto.Digest
	Differ statemachine.PartitionSet // partitions that are replaced
	Filled statemachine.PartitionSet // those of them that have entries
	Saved  []byte                    // for Store.SaveSnapshot: certificate and partitions
}

// A Discard empties the spool: what is in it serves no transfer any more, and may be as
// large as a state.
type Discard struct{}

// A Result is what came of a Store.
type Result struct {
	Marked   bool // a new marker is in force, so that the machine has to be loaded anew
	Surveyed *Surveyed
	Missing  []uint32 // of Compare
	OK       bool     // of Assemble: the partition is the certified one
	Size     uint64   // of Assemble: its bytes, if so
}

// Surveyed is what a Survey found.
type Surveyed struct {
	Own     *statemachine.Partitions
	Damaged statemachine.PartitionSet // with entries that cannot be read
	Staged  map[uint8]crypto.Digest   // in the spool
}

// Do carries the job out. An error is final for the replica.
func (s Store) Do(store statemachine.Store, spool Spool) (r Result, err error) {
	switch {
	case s.Survey != nil:
		r.Surveyed, err = s.Survey.do(store, spool)
	case s.Collect != nil:
		err = s.Collect.do(store, spool)
	case s.Compare != nil:
		r.Missing, err = s.Compare.do(spool)
	case s.Gather != nil:
		err = s.Gather.do(spool)
	case s.Assemble != nil:
		if r.OK, err = s.Assemble.do(spool); r.OK {
			r.Size = spool.Size(AreaStaged, s.Assemble.Partition)
		}
	case s.Save != nil:
		err = spool.Save(s.Save.Note)
	case s.Install != nil:
		r.Marked, err = s.Install.do(store, spool)
	case s.Discard != nil:
		err = spool.Reset()
	default:
		return Result{Marked: true}, storeWindow(store, s.Window)
	}
	if err != nil {
		return r, fmt.Errorf("state transfer: %w", err)
	}
	return r, nil
}

func storeWindow(store statemachine.Store, w *statemachine.Window) error {
	v, err := store.Next(w.Sequence)
	if err == nil {
		err = store.Apply(w.Changes, statemachine.Marker{Version: v, Chain: w.Chain})
	}
	if err != nil {
		return fmt.Errorf("state transfer: store the window of %d: %w", w.Sequence, err)
	}
	return nil
}

func (i *Install) do(store statemachine.Store, spool Spool) (marked bool, err error) {
	contents, err := merge(spool, i.Filled)
	if err != nil {
		return false, err
	}
	if _, err := store.Install(i.At, i.Chain, i.Differ, contents); err != nil {
		return false, fmt.Errorf("install the snapshot at %d: %w", i.At, err)
	}
	if err := store.SaveSnapshot(i.Saved); err != nil {
		return true, fmt.Errorf("save the snapshot at %d: %w", i.At, err)
	}
	return true, spool.Reset()
}
