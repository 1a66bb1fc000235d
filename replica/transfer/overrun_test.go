package transfer

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/memory"
)

// swollen makes a value of an answer as large as a store can take.
func swollen(a consensus.Message, size int) consensus.Message {
	e, ok := a.(entries)
	if !ok {
		return a
	}
	s := cryptobyte.String(e.Data)
	if c, ok := readChange(&s); ok {
		c.Value = make([]byte, size)
		e.Data = appendChange(nil, c)
	}
	return e
}

// TestSwollen: R94, R101 – a source that makes entries larger than they are is found
// out before they fill the disk: all others have the partition, and it is smaller.
func TestSwollen(t *testing.T) {
	for _, every := range []int{0, 2} { // all is fetched whole, or by differences
		r := changed(t, 20_000, every)
		liar := consensus.ReplicaID(1)
		r.twist = func(from consensus.ReplicaID, _, a consensus.Message) consensus.Message {
			if from == liar {
				return swollen(a, 1<<20)
			}
			return a
		}
		most := uint64(0)
		r.hook = func(Store) {
			gathered := uint64(0)
			for p := range statemachine.PartitionCount {
				gathered += r.spool.Size(AreaGathered, uint8(p))
			}
			most = max(most, gathered)
		}
		r.start()
		if !r.run(time.Minute) {
			t.Fatal(r.fetcher.Status())
		}
		r.equal()
		if most > openMax*partitionBytesMin+4<<20 {
			t.Errorf("%d bytes of a liar were in the spool at once", most)
		}
		for _, c := range r.told {
			if c.Source != liar || !c.Lie {
				t.Errorf("of %d is said: %s", c.Source, c.Reason)
			}
		}
		if !r.fetcher.sources[liar].lied && r.fetcher.sources[liar].counts.Lies == 0 {
			t.Error("nobody says who lied")
		}
	}
}

// TestLargePartitions: R94 – partitions that are larger than what a source may send at
// first arrive all the same, with any one source for a liar, and no correct one is
// called one.
func TestLargePartitions(t *testing.T) {
	r := newRig(t)
	var changes []statemachine.Change
	for k := range 40 { // of one partition
		key := fmt.Appendf(nil, "key%d", k)
		for n := 0; statemachine.PartitionOf(key) != 7; n++ {
			key = fmt.Appendf(nil, "key%d-%d", k, n)
		}
		changes = append(changes, statemachine.Change{Key: key, Value: bytes.Repeat([]byte{byte(k)}, 300<<10)})
	}
	slices.SortFunc(changes, func(a, b statemachine.Change) int { return bytes.Compare(a.Key, b.Key) })
	r.changes(sources, changes)
	r.changes(sources, nil)
	r.snapshot(sources, true)
	for liar := range asker + 1 {
		r.stores[asker], r.spool, r.done, r.told = memory.New(), MemorySpool{}, false, nil
		r.fetcher = NewFetcher(r.group, asker)
		r.twist = func(from consensus.ReplicaID, _, a consensus.Message) consensus.Message {
			if from == liar {
				return swollen(a, 1<<20)
			}
			return a
		}
		clear(r.gave)
		r.start()
		if !r.run(time.Minute) {
			t.Fatalf("replica %d lies: %s", liar, r.fetcher.Status())
		}
		r.equal()
		for _, c := range r.told {
			if c.Source != liar {
				t.Errorf("of %d is said: %s", c.Source, c.Reason)
			}
		}
		if n := r.total(); n > 10*40*300<<10 {
			t.Errorf("%d bytes moved", n)
		}
	}
}
