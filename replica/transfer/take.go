package transfer

import (
	"time"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/statemachine"
)

// takeTable checks the partitions of the snapshot against its certified root.
func (f *Fetcher) takeTable(now time.Time, out *Effects) bool {
	table, ok := statemachine.ReadPartitions(f.data)
	if !ok || table.Version.Sequence() != f.plan.Snapshot.Sequence || table.Root() != f.plan.Snapshot.Root {
		return false
	}
	f.table, f.tableBytes, f.tableOf = table, f.data, f.plan.Snapshot.Snapshot
	f.partition = 0
	f.nextPartition(now, out)
	return true
}

// nextPartition fetches the next partition that has entries, or installs.
func (f *Fetcher) nextPartition(now time.Time, out *Effects) {
	for f.partition < statemachine.PartitionCount && f.table.Entries(f.partition) == 0 {
		f.partition++
	}
	at := f.plan.Snapshot.Sequence
	if f.partition < statemachine.PartitionCount {
		f.fetch(item{Kind: itemPartition, At: at, Index: uint8(f.partition)}, now, out)
		return
	}
	f.phase = installed
	out.Store = append(out.Store, Store{Install: &Install{
		At: at, Chain: f.plan.Snapshot.Chain, Saved: append(f.plan.Snapshot.Marshal(), f.tableBytes...),
	}})
}

// takePartition checks a partition against its certified digest, and stages it.
func (f *Fetcher) takePartition(out *Effects) bool {
	check := statemachine.NewPartitionCheck(f.item.Index)
	for s := cryptobyte.String(f.data); !s.Empty(); {
		c, ok := readChange(&s)
		if !ok || c.Deleted || !check.Add(c.Key, c.Value) {
			return false
		}
	}
	if !check.Matches(f.table.Digest(f.partition)) {
		return false
	}
	out.Store = append(out.Store, Store{Stage: &Stage{
		At: f.item.At, First: f.first(), Partition: f.item.Index, Entries: f.data,
	}})
	f.phase = storing
	return true
}

// first reports whether no partition was staged before the present one.
func (f *Fetcher) first() bool {
	for p := range f.partition {
		if f.table.Entries(p) > 0 {
			return false
		}
	}
	return true
}

// nextWindow fetches the next write set of the plan, or ends the transfer.
func (f *Fetcher) nextWindow(now time.Time, out *Effects) {
	if f.next < len(f.plan.Windows) {
		f.fetch(item{Kind: itemWindow, At: f.plan.Windows[f.next].Sequence}, now, out)
		return
	}
	if f.plan.Target < f.target.Sequence { // the target has moved meanwhile (R96)
		f.ask(now, out)
		return
	}
	f.phase = idle
	out.Done = true
}

// takeWindow checks a write set against the plan, whose digests add up to the
// certified chain, and stores it.
func (f *Fetcher) takeWindow(out *Effects) bool {
	w := f.plan.Windows[f.next]
	changes, ok := readChanges(f.data)
	if !ok || statemachine.WriteSetDigest(changes) != w.WriteSet || !sorted(changes) {
		return false
	}
	out.Store = append(out.Store, Store{Window: &statemachine.Window{
		Sequence: w.Sequence, Chain: statemachine.NextChain(f.at.Chain, w.Sequence, w.WriteSet), Changes: changes,
	}})
	f.phase = storing
	return true
}

// sorted reports whether the keys ascend, each once.
func sorted(changes []statemachine.Change) bool {
	for i := 1; i < len(changes); i++ {
		if string(changes[i-1].Key) >= string(changes[i].Key) {
			return false
		}
	}
	return true
}
