package core

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// Status is where a replica stands, for people and for tests.
type Status struct {
	Engine     consensus.Status
	Executed   consensus.Sequence
	History    crypto.Digest // over sequence, batch digest and receipt root of all batches, chained
	Durable    consensus.Sequence
	Snapshot   consensus.Sequence // newest certified one
	Waiting    int                // requests in the pool
	WaitBytes  uint64
	Wants      int    // batches that lack something
	Unsynced   int    // items in the outbox that wait for the log
	Transfer   string // what state transfer is doing; empty if it is not
	LogThrough consensus.Position
	// Repair says why the own state is not believed, and what is done about it; empty
	// if it is believed (R51). Such a replica counts as faulty.
	Repair  string
	Repairs uint64 // begun in this life
}

// Status returns where the replica stands now.
func (c *Core) Status() Status {
	return Status{
		Engine:     c.engine.Status(),
		Executed:   c.executed,
		History:    c.history,
		Durable:    c.moving.marker.Version.Sequence(),
		Snapshot:   c.snapshots.certified.Sequence,
		Waiting:    len(c.pool.byKey),
		WaitBytes:  c.pool.bytes,
		Wants:      len(c.fetch.order),
		Unsynced:   len(c.box.items),
		Transfer:   c.moving.fetcher.Status(),
		LogThrough: c.box.through,
		Repair:     c.repairStatus(),
		Repairs:    c.repair.raised,
	}
}

// Hint returns what the verify pool needs to refuse stale frames cheaply (R17).
func (c *Core) Hint() consensus.Hint {
	s := c.engine.Status()
	return consensus.Hint{View: s.View, Low: s.Low, High: s.High}
}
