package transfer

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine"
)

// follow fetches the windows of the plan, or ends the transfer.
func (f *Fetcher) follow(now time.Time, out *Effects) {
	f.phase = following
	f.jobs = nil
	f.changed()
	for _, w := range f.plan.Windows[f.next:] {
		f.jobs = append(f.jobs, &job{item: item{Kind: itemWindow, At: w.Sequence}})
	}
	f.storeNext(now, out)
	f.goOn(now, out)
}

// storeNext stores the next window if it is here, each like an own flush.
func (f *Fetcher) storeNext(now time.Time, out *Effects) {
	if f.next == len(f.plan.Windows) {
		if f.plan.Target < f.target.Sequence { // the target has moved meanwhile (R96)
			f.ask(now, out)
			return
		}
		f.phase = idle
		out.Done = true
		f.Tidy(out)
		return
	}
	if j := f.jobs[0]; j.step == held {
		j.step = atDisk
		j.window.Chain = statemachine.NextChain(f.at.Chain, j.window.Sequence, f.plan.Windows[f.next].WriteSet)
		f.store(Store{Window: j.window}, j, 0, out)
	}
}

// takeWindow checks a write set against the plan, whose digests add up to the
// certified chain.
func (f *Fetcher) takeWindow(j *job) bool {
	k := consensus.Sequence(f.group.Genesis.Parameters.CheckpointInterval)
	w := f.plan.Windows[(j.item.At-f.plan.Windows[0].Sequence)/k]
	changes, ok := readChanges(j.data)
	if !ok || statemachine.WriteSetDigest(changes) != w.WriteSet || !sorted(changes) {
		return false
	}
	j.step, j.window = held, &statemachine.Window{Sequence: w.Sequence, Changes: changes}
	return true
}

// changed forgets what a Survey found, and Collect copied: a window makes it another.
func (f *Fetcher) changed() { f.stage.own, f.stage.collected = nil, statemachine.PartitionSet{} }

func (f *Fetcher) onWindow(j *job, w *statemachine.Window, now time.Time, out *Effects) {
	f.at = statemachine.Marker{Version: statemachine.VersionAt(w.Sequence, 0), Chain: w.Chain}
	f.changed() // also by a window of a plan that was given up meanwhile
	if j.dead {
		return
	}
	f.done(j)
	f.next++
	f.storeNext(now, out)
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
