package transfer

import (
	"fmt"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
)

// answerTimeout is how long a source may take for one answer; after it the next
// one is asked (R94).
const answerTimeout = 2 * time.Second

// slowAnswer is when a source is so slow that another one gives the next item.
const slowAnswer = 500 * time.Millisecond

// gatherBytesMax is what is gathered of one item at most, until no source has given
// it within that: then it is twice as much, up to what an item can have at all.
const gatherBytesMax = 256 << 20

// Effects is what a Fetcher asks for. The caller owns it.
type Effects struct {
	Send  []consensus.Outbound
	Store []Store
	Done  bool // the state at the target is durable
}

// A phase is what a transfer does at the moment.
type phase uint8

const (
	idle      phase = iota
	planning        // asking for a plan
	fetching        // asking for the chunks of one item
	storing         // waiting for a durable write
	installed       // waiting for the snapshot to be installed
)

// A Fetcher is the asking side of state transfer. It is deterministic and used by
// one goroutine. It holds one item in memory at a time: a partition or the write
// set of a window, each bounded.
type Fetcher struct {
	group *consensus.Group
	self  consensus.ReplicaID

	phase  phase
	target consensus.Checkpoint
	at     statemachine.Marker // where the durable state stands
	plan   *plan
	next   int // index into plan.Windows

	source   consensus.ReplicaID
	lied     []bool // sources that sent what does not hold (R94)
	lacks    []bool // sources that had no plan
	deadline time.Time
	slow     bool // the present source is, with the present item
	rounds   int  // in which no source gave what was asked for

	item        item
	data        []byte
	table       *statemachine.Partitions
	tableBytes  []byte
	tableOf     wire.Snapshot
	partition   int
	whole       bool // windows from here did not lead to the certified chain
	certificate *wire.SnapshotCertificate
}

// NewFetcher returns an idle fetcher.
func NewFetcher(g *consensus.Group, self consensus.ReplicaID) *Fetcher {
	return &Fetcher{group: g, self: self, lied: make([]bool, g.N), lacks: make([]bool, g.N)}
}

// Active reports whether a transfer is under way.
func (f *Fetcher) Active() bool { return f.phase != idle }

// Target is the checkpoint that the transfer leads to.
func (f *Fetcher) Target() consensus.Sequence { return f.target.Sequence }

// Snapshot returns the certificate of the snapshot that the last transfer
// installed, or nil if it needed none.
func (f *Fetcher) Snapshot() *wire.SnapshotCertificate { return f.certificate }

// Status says in words what the transfer is doing; empty if it is idle.
func (f *Fetcher) Status() string {
	switch f.phase {
	case idle:
		return ""
	case planning:
		return fmt.Sprintf("asking r%d how to get from checkpoint %d to %d", f.source, f.at.Version.Sequence(), f.target.Sequence)
	case fetching, storing, installed:
		if f.item.Kind == itemPartition || f.item.Kind == itemTable {
			return fmt.Sprintf("snapshot %d: partition %d of %d, from r%d", f.item.At, f.partition, statemachine.PartitionCount, f.source)
		}
	}
	return fmt.Sprintf("window of checkpoint %d (%d of %d), from r%d", f.item.At, f.next+1, len(f.plan.Windows), f.source)
}

// Start begins a transfer from the durable state to a certified checkpoint above
// it. A transfer that is under way goes on with its plan, and then to the new
// target: a group that moves on would otherwise never let it end (R96).
//
// suspect says that what is stored here is not believed (R51, R56). Then the target
// may be the checkpoint of the marker itself; the transfer begins with a certified
// snapshot, compares all that is stored with it, and replaces what differs at the
// snapshot's sequence, with the next attempt (R84). No state goes back, so the
// snapshot must not be older than the marker: as long as nobody has such a one the
// transfer asks on, and ends once the group has certified its next snapshot.
func (f *Fetcher) Start(target consensus.Checkpoint, from statemachine.Marker, suspect bool, now time.Time, out *Effects) {
	f.target = target
	clear(f.lacks)
	switch f.phase {
	case idle:
		f.at, f.certificate, f.whole, f.rounds, f.table = from, nil, suspect, 0, nil
		clear(f.lied)
		f.source = (f.self + 1) % consensus.ReplicaID(f.group.N)
		f.ask(now, out)
	case planning:
		f.whole = suspect
		f.ask(now, out)
	case fetching, storing, installed:
	}
}

// ask asks the present source for a plan.
func (f *Fetcher) ask(now time.Time, out *Effects) {
	f.phase, f.plan = planning, nil
	f.send(askPlan{From: f.at.Version.Sequence(), Target: f.target.Sequence, Whole: f.whole}.marshal(), now, out)
}

func (f *Fetcher) send(frame []byte, now time.Time, out *Effects) {
	f.deadline = now.Add(answerTimeout)
	out.Send = append(out.Send, consensus.Outbound{To: f.source, Class: consensus.ClassState, Frame: frame})
}

// Tick turns to another source when one does not answer.
func (f *Fetcher) Tick(now time.Time, out *Effects) {
	if (f.phase == planning || f.phase == fetching) && !now.Before(f.deadline) {
		f.another(now, out)
	}
}

// liar turns away from a source that sent what does not hold: it is not asked
// again in this transfer (R94).
func (f *Fetcher) liar(now time.Time, out *Effects) {
	f.lied[f.source] = true
	f.another(now, out)
}

// another asks the next source for what the present one did not give. When nobody
// is left, all are asked once more, in turns for a whole snapshot.
func (f *Fetcher) another(now time.Time, out *Effects) {
	switch {
	case !f.turn():
		clear(f.lied)
		clear(f.lacks)
		f.whole = !f.whole
		f.rounds++
		f.phase, f.deadline = planning, now.Add(answerTimeout) // no storm when nobody has anything
	case f.phase == planning:
		f.ask(now, out)
	default:
		f.fetch(f.item, now, out)
	}
}

// turn moves to the next source that may have something; false if there is none.
func (f *Fetcher) turn() bool {
	for range f.group.N {
		f.source = (f.source + 1) % consensus.ReplicaID(f.group.N)
		if f.source != f.self && !f.lied[f.source] && !f.lacks[f.source] {
			return true
		}
	}
	return false
}

// Receive takes a verified answer. Answers of others than the present source, and
// to other questions, change nothing.
func (f *Fetcher) Receive(from consensus.ReplicaID, m consensus.Message, now time.Time, out *Effects) {
	if from != f.source {
		return
	}
	switch m := m.(type) {
	case plan:
		if f.phase == planning && m.From == f.at.Version.Sequence() && m.Target == f.target.Sequence {
			f.planned(m, now, out)
		}
	case chunk:
		if f.phase == fetching && m.Item == f.item && m.Offset == uint64(len(f.data)) {
			f.chunk(m, now, out)
		}
	case gone:
		switch {
		case f.phase == planning:
			f.lacks[f.source] = true
			f.another(now, out)
		case f.phase == fetching && m.Item == f.item:
			// The source has moved on: the plan is out of date.
			f.phase = planning
			f.another(now, out)
		}
	}
}

// planned checks that the windows of a plan lead to the certified chain; then it
// no longer matters who sent it.
func (f *Fetcher) planned(p plan, now time.Time, out *Effects) {
	at, chain := f.at.Version.Sequence(), f.at.Chain
	if p.Snapshot != nil {
		at, chain = p.Snapshot.Sequence, p.Snapshot.Chain
		if at < f.at.Version.Sequence() || (at == f.at.Version.Sequence() && !f.whole) {
			// No state goes back (R84); and what is here is as good, unless nobody has
			// windows that go on from it.
			f.lacks[f.source] = true
			f.another(now, out)
			return
		}
	}
	for _, w := range p.Windows {
		if w.Sequence != at+consensus.Sequence(f.group.Genesis.Parameters.CheckpointInterval) {
			f.liar(now, out)
			return
		}
		at, chain = w.Sequence, statemachine.NextChain(chain, w.Sequence, w.WriteSet)
	}
	if at != f.target.Sequence || chain != f.target.Chain {
		f.liar(now, out)
		return
	}
	f.plan, f.next = &p, 0
	if p.Snapshot != nil {
		if f.table != nil && f.tableOf == p.Snapshot.Snapshot {
			f.nextPartition(now, out) // what is staged stays (R96)
			return
		}
		f.partition, f.table = 0, nil
		f.fetch(item{Kind: itemTable, At: p.Snapshot.Sequence}, now, out)
		return
	}
	f.nextWindow(now, out)
}

// fetch asks for an item from its beginning. Who was slow with the item before does
// not give the next one.
func (f *Fetcher) fetch(i item, now time.Time, out *Effects) {
	if f.slow && i != f.item {
		f.turn()
	}
	f.phase, f.item, f.data, f.slow = fetching, i, nil, false
	f.send(askChunk{Item: i}.marshal(), now, out)
}

// chunk gathers an item, which is verified whole before it is used (R94). All chunks
// but the last are full, so that a source cannot drag on by sending little.
func (f *Fetcher) chunk(m chunk, now time.Time, out *Effects) {
	f.data = append(f.data, m.Data...)
	if f.deadline.Sub(now) < answerTimeout-slowAnswer && (m.Offset > 0 || f.item.Kind != itemPartition) {
		f.slow = true // its first answer from a partition may have cost a scan
	}
	if uint64(len(f.data)) > f.itemBytesMax() || (len(m.Data) != chunkBytes && !m.Last) {
		f.liar(now, out)
		return
	}
	if !m.Last {
		f.send(askChunk{Item: f.item, Offset: uint64(len(f.data))}.marshal(), now, out)
		return
	}
	ok := false
	switch f.item.Kind {
	case itemTable:
		ok = f.takeTable(now, out)
	case itemPartition:
		ok = f.takePartition(out)
	case itemWindow:
		ok = f.takeWindow(out)
	}
	if !ok {
		f.liar(now, out)
	}
}

// itemBytesMax bounds what a liar can make this replica gather: nothing certified
// names the size of an item, only the entries of a partition.
func (f *Fetcher) itemBytesMax() uint64 {
	return min(f.honestBytesMax(), gatherBytesMax<<min(f.rounds, 16))
}

// honestBytesMax is the most that an item of a correct source can have.
func (f *Fetcher) honestBytesMax() uint64 {
	p := &f.group.Genesis.Parameters
	entry := p.KeyBytesMax + max(p.ValueBytesMax, p.SessionBytesMax+128*p.SessionWindow) + 256
	switch f.item.Kind {
	case itemPartition:
		return min(f.table.Entries(f.partition), 1<<30) * entry
	case itemWindow:
		// What operations wrote, with 9 bytes of overhead for keys as short as 2; each
		// session; and whatever else the framework keeps.
		return 6*p.CheckpointInterval*p.BatchWritesBytesMax() + (p.ClientsMax*p.SessionsPerClient+64)*entry
	case itemTable:
	}
	return 1 << 20
}

// Stored goes on after a durable write.
func (f *Fetcher) Stored(now time.Time, out *Effects) {
	switch f.phase {
	case installed:
		f.at = statemachine.Marker{Version: statemachine.VersionAt(f.plan.Snapshot.Sequence, 0), Chain: f.plan.Snapshot.Chain}
		f.certificate, f.whole = f.plan.Snapshot, false
		f.table, f.tableBytes = nil, nil
		f.nextWindow(now, out)
	case storing:
		if f.item.Kind == itemPartition {
			f.partition++
			f.nextPartition(now, out)
			return
		}
		w := f.plan.Windows[f.next]
		f.at = statemachine.Marker{
			Version: statemachine.VersionAt(w.Sequence, 0), Chain: statemachine.NextChain(f.at.Chain, w.Sequence, w.WriteSet),
		}
		f.next++
		f.nextWindow(now, out)
	case idle, planning, fetching:
	}
}
