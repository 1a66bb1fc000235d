package transfer

import (
	"fmt"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/memory"
)

// scans counts how often a window is read back from the store, which costs a scan of
// the whole state.
type scans struct {
	statemachine.Store
	count int
}

func (s *scans) Window(after, through statemachine.Version) ([]statemachine.Change, error) {
	s.count++
	return s.Store.Window(after, through)
}

// flushes has source 0 execute one more window, of some keys.
func (r *rig) flushes(s *Server, keys int) {
	r.t.Helper()
	var changes []statemachine.Change
	for k := range keys {
		changes = append(changes, statemachine.Change{Key: fmt.Appendf(nil, "k%05d", k), Value: fmt.Append(nil, r.at, k)})
	}
	r.changes([]int{0}, changes)
	s.Flushed(&statemachine.Window{Sequence: r.at, Chain: r.chains[r.at], Changes: changes})
}

// planned asks a server for a plan, and returns its windows.
func (r *rig) planned(s *Server, from consensus.Sequence) []planWindow {
	r.t.Helper()
	p, ok := r.decode(s.Answer(askPlan{From: from, Target: r.at})[0]).(plan)
	if !ok {
		return nil
	}
	chain := r.chains[from]
	for _, w := range p.Windows {
		chain = statemachine.NextChain(chain, w.Sequence, w.WriteSet)
	}
	if chain != r.chains[r.at] {
		r.t.Fatalf("the plan from %d does not lead to the chain at %d", from, r.at)
	}
	return p.Windows
}

// R96, R124: windows that were flushed lately, and since somebody fetches, are served
// without a scan of the state, and although their versions were given back.
func TestRecentWindows(t *testing.T) {
	r := newRig(t)
	store := &scans{Store: r.stores[0]}
	s := NewServer(r.group, store, &MemorySpool{})
	for range 3 {
		r.flushes(s, 100)
	}
	from := consensus.Sequence(0)
	for range 40 {
		if windows := r.planned(s, from); len(windows) != int((r.at-from)/interval) {
			t.Fatalf("%d windows from %d to %d", len(windows), from, r.at)
		}
		for at := from + interval; at <= r.at; at += interval {
			c, ok := r.decode(s.Answer(askChunk{Item: item{Kind: itemWindow, At: at}})[0]).(chunk)
			changes, whole := readChanges(c.Data)
			if !ok || !c.Last || !whole || len(changes) != 100 {
				t.Fatalf("window %d: %v, %d changes", at, ok, len(changes))
			}
		}
		if r.at > 4*interval { // what lies further back than 8 snapshots goes
			from = r.at - 4*interval
		}
		r.flushes(s, 100)
		r.check(r.stores[0].Retire(statemachine.VersionAt(r.at, 0)))
	}
	if store.count > 0 {
		t.Errorf("%d scans", store.count)
	}
}

// R101: when nobody asks any more the spool is emptied, and what is in memory is
// bounded in number and bytes.
func TestRecentWindowsEnd(t *testing.T) {
	r := newRig(t)
	spool := &MemorySpool{}
	s := NewServer(r.group, r.stores[0], spool)
	r.flushes(s, 10)
	r.planned(s, 0)
	for range interestMax {
		r.flushes(s, 10)
	}
	for slot := range statemachine.PartitionCount {
		if spool.Size(areaWindows, uint8(slot)) > 0 {
			t.Fatalf("slot %d holds a window that nobody asks for", slot)
		}
	}
	if s.recent.onDisk != 0 || len(s.recent.windows) > 3 {
		t.Errorf("%d bytes in the spool, %d windows in memory", s.recent.onDisk, len(s.recent.windows))
	}
	large := &statemachine.Window{Sequence: r.at + interval, Changes: []statemachine.Change{{Key: []byte("k"), Value: make([]byte, recentBytesMax)}}}
	s.Flushed(large)
	if s.recent.bytes > recentBytesMax {
		t.Errorf("%d bytes of windows in memory", s.recent.bytes)
	}
}

// What an earlier process left in the spool counts for nothing, and takes no room from
// the windows of this one.
func TestRecentWindowsAfterRestart(t *testing.T) {
	r := newRig(t)
	spool := &MemorySpool{}
	for slot := range statemachine.PartitionCount {
		r.check(spool.Append(areaWindows, uint8(slot), []byte("of an earlier life")))
	}
	store := &scans{Store: r.stores[0]}
	s := NewServer(r.group, store, spool)
	r.flushes(s, 10)
	r.planned(s, 0)
	r.flushes(s, 10)
	if !s.isKept(r.at) || s.recent.onDisk > 2000 {
		t.Errorf("kept: %v; %d bytes count", s.isKept(r.at), s.recent.onDisk)
	}
	s.forgetWindows()
	if s.recent.onDisk != 0 {
		t.Errorf("%d bytes count, and nothing is kept", s.recent.onDisk)
	}
}

// R101: the spool of windows has a bound; at it the oldest window goes, and one that is
// larger than all of it is not kept.
func TestRecentWindowsBound(t *testing.T) {
	r := newRig(t)
	s := NewServer(r.group, r.stores[0], &MemorySpool{})
	r.flushes(s, 10)
	first := r.at
	r.planned(s, 0)
	s.recent.most = 3 * s.recent.onDisk
	for range 4 {
		r.flushes(s, 10)
	}
	if s.isKept(first) || !s.isKept(r.at) || s.recent.onDisk > s.recent.most {
		t.Errorf("the first window is kept: %v, the last: %v; %d bytes of %d", s.isKept(first), s.isKept(r.at), s.recent.onDisk, s.recent.most)
	}
	r.flushes(s, 1000)
	if s.isKept(r.at) || s.recent.onDisk > s.recent.most {
		t.Errorf("a window of more than the bound is kept: %d bytes", s.recent.onDisk)
	}
}

// windowOf asks a server for the first chunk of a window, and returns how much it has.
func (r *rig) windowOf(s *Server, at consensus.Sequence) int {
	r.t.Helper()
	c, _ := r.decode(s.Answer(askChunk{Item: item{Kind: itemWindow, At: at}})[0]).(chunk)
	return len(c.Data)
}

// TestScannedOnce: R96, R102 – a window that nobody has asked for before, as after a
// restart, is read from the state once, in whatever order chunks and plans are asked
// for; what cannot be kept is said to be dear.
func TestScannedOnce(t *testing.T) {
	r := newRig(t)
	store := &scans{Store: r.stores[0]}
	for range keptCountMax + 4 {
		r.changes([]int{0}, []statemachine.Change{{Key: []byte("k"), Value: fmt.Append(nil, r.at)}})
	}
	s := NewServer(r.group, store, &MemorySpool{}) // as after a restart
	first, last := consensus.Sequence(interval), r.at
	for range 5 {
		for _, at := range []consensus.Sequence{last - 3*interval, last - 2*interval, last - interval} {
			if r.windowOf(s, at) == 0 || s.Scanned() {
				t.Fatalf("window %d: scanned in vain: %v", at, s.Scanned())
			}
		}
	}
	if store.count != 3 {
		t.Errorf("3 windows were scanned %d times", store.count)
	}
	store.count = 0
	for range 5 {
		r.planned(s, last-5*interval)
	}
	if store.count != 2 {
		t.Errorf("for 5 plans 2 windows were scanned %d times", store.count)
	}
	// The slot of the first one is that of a newer one, which is kept.
	store.count = 0
	for range 5 {
		if r.windowOf(s, first+2*interval) == 0 || !s.Scanned() || r.windowOf(s, first+2*interval+keptCountMax*interval) == 0 {
			t.Error("an older window in the place of a newer one is not said to be dear")
		}
		r.windowOf(s, first+3*interval) // another one comes between
	}
	if s.window = 0; r.windowOf(s, last) == 0 || s.Scanned() {
		t.Error("one that is kept is said to be dear")
	}
	if p, ok := r.decode(s.Answer(askPlan{From: 0, Target: last})[0]).(plan); !ok || len(p.Windows) != keptCountMax+4 {
		t.Errorf("no plan from the beginning: %v", ok)
	}
}

// TestForget: R124 – a replica whose state went wrong, and was replaced, serves nothing
// that it had kept of it: neither windows nor snapshots, nor their digests in a plan.
func TestForget(t *testing.T) {
	r := newRig(t)
	s := NewServer(r.group, r.stores[0], &MemorySpool{})
	r.planned(s, 0)
	for range 3 {
		r.flushes(s, 10)
	}
	r.snapshot([]int{0}, false)
	s.Answer(hold{At: r.at})
	for s.Work() {
	}
	if !s.isKept(r.at) || r.windowOf(s, r.at) == 0 {
		t.Fatal("nothing is kept; this is about what is")
	}
	right := memory.New() // is installed in the place of the other
	v, err := right.Next(r.at)
	r.check(err)
	r.check(right.Apply(nil, statemachine.Marker{Version: v, Chain: r.chains[r.at]}))
	s.store = right
	s.Forget()
	for _, q := range []consensus.Message{
		askPlan{From: r.at - interval, Target: r.at},
		askChunk{Item: item{Kind: itemTable, At: r.at}},
		askEntries{At: r.at, Index: 1},
		hold{At: r.at},
	} {
		answer := r.decode(s.Answer(q)[0])
		if p, ok := answer.(plan); answer.Type() != typeGone && (!ok || p.Windows[0].WriteSet != statemachine.WriteSetDigest(nil)) {
			t.Errorf("%+v is answered from the state that was replaced: %+v", q, answer)
		}
	}
	if r.windowOf(s, r.at) != 0 {
		t.Error("a window of the state that was replaced is served")
	}
	if s.recent.onDisk != 0 || s.recent.bytes != 0 {
		t.Errorf("%d bytes count in the spool and %d in memory", s.recent.onDisk, s.recent.bytes)
	}
}
