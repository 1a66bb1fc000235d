package transfer

import (
	"fmt"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine"
)

// jobsMax bounds the items under way at a time. Each holds at most a list, or a part
// of a window; entries of partitions go to the spool chunk by chunk.
const jobsMax = 16

// storeBytesMax bounds what waits to be written: nothing is asked for above it, so
// that the sources are as fast as the disk (R96).
const storeBytesMax = 16 << 20

// A step is where a job stands.
type step uint8

const (
	idleStep step = iota // with no source
	ready                // with a source that has not been asked yet
	asked                // with a source that has
	atDisk               // at the storer
	held                 // a window that is verified and waits for its turn
)

// A job is the fetching of one item, from one source at a time.
type job struct {
	item   item // of kind itemTable, itemPartition or itemWindow
	step   step
	source consensus.ReplicaID
	since  time.Time // asked
	dead   bool      // the plan that it was part of is given up
	lists  bool      // a partition's list is asked for before its entries
	listed bool      // it is there
	data   []byte    // of a table, list or window
	count  uint32    // entries of a partition
	taken  uint32    // entries that have arrived
	bytes  int       // of them
	need   []uint32  // positions of entries that are not here; all if there is no list
	fresh  bool      // nothing was gathered yet
	over   []overrun // of a partition, by sources before this one
	window *statemachine.Window
}

// restart lets a job begin anew, with another source.
func (j *job) restart() {
	j.step, j.listed, j.data, j.taken, j.bytes, j.need, j.fresh = idleStep, false, nil, 0, 0, nil, true
}

// wanted returns the item that is asked for at the moment.
func (j *job) wanted() item {
	if j.item.Kind == itemPartition && j.lists && !j.listed {
		return item{Kind: itemList, At: j.item.At, Index: j.item.Index}
	}
	return j.item
}

// left returns how many entries of a partition have not arrived.
func (j *job) left() uint32 {
	if j.lists {
		return uint32(len(j.need)) - j.taken
	}
	return j.count - j.taken
}

// from returns the position of the next entry to ask for.
func (j *job) from() uint32 {
	if j.lists {
		return j.need[j.taken]
	}
	return j.taken
}

// question returns the frame that asks for what comes next.
func (j *job) question() []byte {
	w := j.wanted()
	switch {
	case w.Kind != itemPartition:
		return askChunk{Item: w, Offset: uint64(len(j.data))}.marshal()
	case j.lists:
		from, wanted := wantedFrom(j.need[j.taken:])
		return askEntries{At: w.At, Index: w.Index, From: from, Wanted: wanted}.marshal()
	}
	return askEntries{At: w.At, Index: w.Index, From: j.taken}.marshal()
}

// pump gives jobs to sources that have room, and asks.
func (f *Fetcher) pump(now time.Time, out *Effects) {
	active := 0
	for _, j := range f.jobs {
		if active >= f.jobsNow() || f.storing >= storeBytesMax {
			return
		}
		active++
		if j.step == idleStep {
			id, ok := f.pick(j, now)
			if !ok {
				continue
			}
			j.source, j.step = id, ready
		}
		// A job that comes back from the disk may find its source with enough to do: it
		// drops questions above that, and would seem to be late.
		if s := &f.sources[j.source]; j.step == ready && s.open < s.openMax() {
			j.step, j.since = asked, now
			s.open++
			f.send(j.source, j.question(), out)
		}
	}
}

// jobsNow is how many items may be under way now: fewer when windows are large.
func (f *Fetcher) jobsNow() int {
	if f.phase != following {
		return jobsMax
	}
	var bytes uint64
	for _, j := range f.jobs {
		bytes += uint64(len(j.data))
	}
	if bytes > gatherBytesMax/4 {
		return 1
	}
	return jobsMax / 2
}

// find returns the job that is asked of a source for an item; nil if none is.
func (f *Fetcher) find(from consensus.ReplicaID, i item) *job {
	for _, j := range f.jobs {
		if j.step == asked && j.source == from && j.wanted() == i {
			return j
		}
	}
	return nil
}

// done takes a job off the list.
func (f *Fetcher) done(j *job) {
	for i := range f.jobs {
		if f.jobs[i] == j {
			f.jobs = append(f.jobs[:i:i], f.jobs[i+1:]...)
			return
		}
	}
}

// drop gives all jobs up.
func (f *Fetcher) drop() {
	for _, j := range f.jobs {
		j.dead = true
	}
	f.jobs = nil
	for i := range f.sources {
		f.sources[i].open = 0
	}
}

// onChunk gathers a table, list or window. All chunks but the last are full, so that
// a source cannot drag on by sending little.
func (f *Fetcher) onChunk(from consensus.ReplicaID, m chunk, now time.Time, out *Effects) {
	j := f.find(from, m.Item)
	if j == nil || m.Offset != uint64(len(j.data)) {
		return
	}
	f.sources[from].open--
	if uint64(len(j.data)+len(m.Data)) > f.itemBytesMax(j) || (len(m.Data) != chunkBytes && !m.Last) {
		f.liar(from, m.Item.String()+": its size is not what it can be", out)
		return
	}
	f.answered(from, len(m.Data), now.Sub(j.since))
	j.data, j.step = append(j.data, m.Data...), ready
	if !m.Last {
		return
	}
	ok := false
	switch m.Item.Kind {
	case itemTable:
		ok = f.takeTable(j, out)
	case itemList:
		ok = f.takeList(j, out)
	case itemWindow:
		if ok = f.takeWindow(j); ok {
			f.storeNext(now, out)
		}
	case itemPartition:
	}
	if !ok {
		f.liar(from, m.Item.String()+": not what was certified", out)
	}
}

// onEntries passes entries of a partition on to the spool. They are verified when
// all are there.
func (f *Fetcher) onEntries(from consensus.ReplicaID, m entries, now time.Time, out *Effects) {
	i := item{Kind: itemPartition, At: m.At, Index: m.Index}
	j := f.find(from, i)
	if j == nil || m.From != j.from() {
		return
	}
	f.sources[from].open--
	n, last, ok := countEntries(m.Data)
	left := j.left()
	switch {
	case !ok || n == 0 || uint64(n) > uint64(left):
		f.liar(from, i.String()+": not the entries that were asked for", out)
		return
	case len(m.Data)-last >= chunkBytes, uint32(n) < left && len(m.Data) < chunkBytes && f.lastAsked(j) != uint32(n):
		f.liar(from, i.String()+": more or less at a time than was asked for", out)
		return
	}
	f.answered(from, len(m.Data), now.Sub(j.since))
	j.bytes += len(m.Data)
	if uint64(j.bytes) > f.partitionBytesMax(j) {
		f.overran(j)
		return
	}
	f.store(Store{Gather: &Gather{Partition: m.Index, First: j.fresh, Entries: m.Data}}, j, len(m.Data), out)
	j.fresh = false
	j.taken += uint32(n)
	j.step = ready
	if j.left() == 0 {
		f.assemble(j, out)
	}
}

// String names an item for a person.
func (i item) String() string {
	switch i.Kind {
	case itemTable:
		return fmt.Sprintf("table of the snapshot at %d", i.At)
	case itemPartition:
		return fmt.Sprintf("partition %d of the snapshot at %d", i.Index, i.At)
	case itemList:
		return fmt.Sprintf("list of partition %d of the snapshot at %d", i.Index, i.At)
	case itemWindow:
		return fmt.Sprintf("window that ends at %d", i.At)
	}
	return "plan"
}

// lastAsked returns how many entries the last question named.
func (f *Fetcher) lastAsked(j *job) (n uint32) {
	if !j.lists {
		return j.left()
	}
	for _, p := range j.need[j.taken:] {
		if (p-j.from())/8 >= wantedBytesMax {
			break
		}
		n++
	}
	return n
}
