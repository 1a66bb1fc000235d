package transfer

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

// changed makes an asker for which some of the sources' keys are new: of many it has
// all, but every so-many-th with another value.
func changed(t testing.TB, keys, every int) *rig {
	t.Helper()
	r := newRig(t)
	value := func(k, version int) []byte { return fmt.Appendf(nil, "%-100d", k*1000+version) }
	var first, second []statemachine.Change
	for k := range keys {
		key := fmt.Appendf(nil, "key%07d", k)
		first = append(first, statemachine.Change{Key: key, Value: value(k, 0)})
		if every > 0 && k%every == 0 {
			second = append(second, statemachine.Change{Key: key, Value: value(k, 1)})
		}
	}
	if every == 0 { // the asker has nothing at all
		second, first = first, nil
	}
	r.changes(all, first)
	r.changes(sources, second)
	r.snapshot(sources, true)
	return r
}

func (r *rig) total() (n int) {
	for _, b := range r.gave {
		n += b
	}
	return n
}

// TestDifferences: issue 5 – of a state of which 5 % differ, evenly over all
// partitions, at most 15 % of the bytes move.
func TestDifferences(t *testing.T) {
	var moved [2]int
	for i, every := range []int{0, 20} {
		r := changed(t, 20_000, every)
		r.start()
		if !r.run(time.Minute) {
			t.Fatal(r.fetcher.Status())
		}
		r.equal()
		moved[i] = r.total() - len(r.servers[0].shelves[0].table) // which costs the same whatever the state has
		if n := len(r.told); n > 0 {
			t.Errorf("%d complaints: %v", n, r.told)
		}
	}
	if share := float64(moved[1]) / float64(moved[0]); share > 0.15 {
		t.Errorf("%d bytes moved, of %d for the whole: %.1f %%", moved[1], moved[0], 100*share)
	}
}

// TestNothingDiffers: R49 – a replica whose data are those of the snapshot already
// fetches no entry.
func TestNothingDiffers(t *testing.T) {
	r := newRig(t)
	r.window(all, 300, 10)
	r.snapshot(sources, true)
	m, err := r.stores[asker].Marker()
	r.check(err)
	r.fetcher.Start(r.target(), m, true, r.now, &r.effects)
	if !r.run(time.Second) {
		t.Fatal(r.fetcher.Status())
	}
	r.equal()
	for i := range r.items {
		if i.Kind != itemTable {
			t.Errorf("%s was asked for", i)
		}
	}
}

// TestSuspect: R51, R56, R84 – what rotted is found and replaced at the marker's own
// sequence, with the next attempt, and nothing but its partitions moves.
func TestSuspect(t *testing.T) {
	r := newRig(t)
	r.window(all, 300, 10)
	r.snapshot(sources, true)
	rotten := [][]byte{[]byte("key00007"), []byte("key00123")}
	for i, key := range rotten {
		if !r.stores[asker].Rot(key, []byte("rotten")[:6*i]) { // one value is another, one empty
			t.Fatal("no such key")
		}
	}
	before, err := r.stores[asker].Marker()
	r.check(err)
	r.fetcher.Start(r.target(), before, true, r.now, &r.effects)
	if !r.run(time.Second) {
		t.Fatal(r.fetcher.Status())
	}
	r.equal()
	after, err := r.stores[asker].Marker()
	r.check(err)
	if after.Version <= before.Version || after.Version.Sequence() != before.Version.Sequence() {
		t.Errorf("the marker went from %d to %d", before.Version, after.Version)
	}
	for i := range r.items {
		if i.Kind != itemTable && i.Index != statemachine.PartitionOf(rotten[0]) && i.Index != statemachine.PartitionOf(rotten[1]) {
			t.Errorf("%s was asked for", i)
		}
	}
}

// TestSurveyedAnew: R94 – windows change what is stored here, so a snapshot after them
// is compared with what is stored then: a key that went back to the value which it had
// before the windows would else keep theirs.
func TestSurveyedAnew(t *testing.T) {
	r := newRig(t)
	set := func(value string) {
		r.changes(sources, []statemachine.Change{{Key: []byte("key"), Value: []byte(value)}})
	}
	set("one")
	set("one")
	r.snapshot(sources, true)
	set("two")
	r.start()
	r.hook = func(s Store) {
		if s.Window != nil {
			r.hook = nil
			set("one")
			r.snapshot(sources, true)
			r.start()
		}
	}
	if !r.run(time.Minute) {
		t.Fatal(r.fetcher.Status())
	}
	r.equal()
	if r.hook != nil || r.installs() != 2 {
		t.Fatalf("%d snapshots were installed; this is about the second", r.installs())
	}
}

// TestSurveyedBetweenPlans: R94 – the same when the comparison was under way before the
// window, and the plan of both was given up before they were done.
func TestSurveyedBetweenPlans(t *testing.T) {
	r := changed(t, 2000, 0)
	r.start()
	f := r.fetcher
	for f.phase != staging {
		r.step()
	}
	f.stage.collected.Add(7)
	f.plan.Windows = []planWindow{{Sequence: interval}}
	f.follow(r.now, &r.effects)
	j := f.jobs[0]
	j.step, j.window = held, &statemachine.Window{Sequence: interval}
	f.storeNext(r.now, &r.effects)
	f.replan(r.now, &r.effects)
	f.Stored(Result{Surveyed: &Surveyed{Own: new(statemachine.Partitions), Staged: map[uint8]crypto.Digest{}}}, r.now, &r.effects)
	if len(f.pending) != 1 || f.phase != planning {
		t.Fatalf("%d writes are under way in phase %d; this is about a window and no plan", len(f.pending), f.phase)
	}
	f.stage.collected.Add(7)
	if f.Stored(Result{Marked: true}, r.now, &r.effects); f.stage.own != nil || f.stage.collected.Len() > 0 {
		t.Error("what was found before the window passes for what is stored after it")
	}
}

// TestSuspectWaits: R84 – with a snapshot that is older than the marker nothing is
// repaired; with the next one it is.
func TestSuspectWaits(t *testing.T) {
	r := newRig(t)
	r.window(all, 300, 10)
	r.snapshot(sources, false)
	r.window(all, 300, 10)
	m, err := r.stores[asker].Marker()
	r.check(err)
	r.stores[asker].Rot([]byte("key00008"), []byte("rotten"))
	r.fetcher.Start(r.target(), m, true, r.now, &r.effects)
	if r.run(20*time.Second) || r.installs() > 0 {
		t.Fatal("an older snapshot was installed")
	}
	r.window(sources, 300, 10)
	r.snapshot(sources, true)
	r.start()
	if !r.run(20 * time.Second) {
		t.Fatal(r.fetcher.Status())
	}
	r.equal()
}

// TestCrashKeeps: R95, R96 – what was verified and saved before a crash is not
// fetched again, unless the spool has rotted.
func TestCrashKeeps(t *testing.T) {
	for _, rot := range []bool{false, true} {
		r := changed(t, 20_000, 0)
		r.start()
		saves := 0
		for !r.done && saves < 8 {
			r.step()
			saves = 0
			for _, s := range r.stored {
				if s.Save != nil {
					saves++
				}
			}
		}
		kept := 0
		for p := range r.spool.kept {
			if len(r.spool.kept[p]) > 0 {
				kept++
			}
		}
		if r.done || kept < 100 {
			t.Fatalf("%d partitions were kept", kept)
		}
		var spoilt statemachine.PartitionSet
		if rot {
			for p := range r.spool.kept {
				if b := bytes.Clone(r.spool.kept[p]); len(b) > 0 && spoilt.Len() < 10 {
					b[len(b)/2+p%3] ^= 1 // a value, a key, or a length
					r.spool.kept[p] = b
					spoilt.Add(uint8(p))
				}
			}
		}
		clear(r.items)
		r.crash()
		if !r.run(time.Minute) {
			t.Fatal(r.fetcher.Status())
		}
		r.equal()
		again := 0
		for i := range r.items {
			if i.Kind == itemPartition {
				again++
			}
		}
		if want := statemachine.PartitionCount - kept + spoilt.Len(); again != want {
			t.Errorf("rot=%v: %d partitions were fetched after the crash, not %d", rot, again, want)
		}
		if len(r.told) > 0 {
			t.Errorf("a crash was blamed on a source: %v", r.told)
		}
	}
}

// TestNewerSnapshot: R96 – when the servers have gone on to a newer snapshot, the
// partitions that are equal in it stay, and of the others only what differs is
// fetched.
func TestNewerSnapshot(t *testing.T) {
	r := changed(t, 20_000, 0)
	r.start()
	for staged := 0; staged < 100; {
		r.step()
		staged = len(r.fetcher.stage.staged)
	}
	r.changes(sources, []statemachine.Change{{Key: []byte("key0000001"), Value: []byte("new")}})
	r.changes(sources, nil)
	r.snapshot(sources, true)
	for _, s := range r.servers { // they hold the older one no longer
		s.shelves = [shelvesMax]shelf{}
	}
	before := r.total()
	r.start()
	if !r.run(time.Minute) {
		t.Fatal(r.fetcher.Status())
	}
	r.equal()
	if again := r.total() - before; again > 2*before {
		t.Errorf("%d bytes moved after %d, in a newer snapshot of which one key differs", again, before)
	}
	for i, n := range r.items {
		if i.Kind == itemPartition && i.At != r.at && n > 2 {
			t.Errorf("%s was asked for %d times", i, n)
		}
	}
}

// TestAllRest: R96 – when all sources were late, as on a machine that stood still, none
// rests: a partition whose list came from one goes on with that one.
func TestAllRest(t *testing.T) {
	r := changed(t, 2000, 20)
	r.delay = func(consensus.ReplicaID, int) time.Duration { return time.Millisecond }
	r.start()
	began := r.now
	for i := range r.fetcher.sources {
		r.fetcher.sources[i].rests = began.Add(restMax)
	}
	if !r.run(time.Minute) || r.now.Sub(began) > restMax/4 {
		t.Fatalf("done after %v: %s", r.now.Sub(began), r.fetcher.Status())
	}
	r.equal()
	lists := 0
	for i, times := range r.items {
		if i.Kind == itemList {
			lists += times
		}
	}
	if lists > statemachine.PartitionCount {
		t.Errorf("%d lists were asked for, of %d partitions", lists, statemachine.PartitionCount)
	}
}

// TestBadSources: R94 – with f sources that lie, stall or send next to nothing, and at
// any moment, a transfer ends within twice the honest time, and says whom it turned
// away from.
func TestBadSources(t *testing.T) {
	const bytesPerSecond = 500_000
	honest := func(_ consensus.ReplicaID, bytes int) time.Duration {
		return 2*time.Millisecond + time.Duration(bytes)*time.Second/bytesPerSecond
	}
	run := func(prepare func(r *rig)) (time.Duration, *rig) {
		r := changed(t, 10_000, 0)
		r.delay = honest
		if prepare != nil {
			prepare(r)
		}
		r.start()
		begin := r.now
		if !r.run(10 * time.Minute) {
			t.Fatal(r.fetcher.Status())
		}
		r.equal()
		return r.now.Sub(begin), r
	}
	base, _ := run(nil)
	if base < 500*time.Millisecond {
		t.Fatalf("an honest transfer takes %v: too short to compare with", base)
	}
	bad := map[string]func(r *rig, of consensus.ReplicaID){
		"lies": func(r *rig, of consensus.ReplicaID) {
			r.twist = func(from consensus.ReplicaID, _, a consensus.Message) consensus.Message {
				if e, ok := a.(entries); ok && from == of {
					e.Data = bytes.Clone(e.Data)
					e.Data[len(e.Data)-1] ^= 1
					return e
				}
				return a
			}
		},
		"stalls": func(r *rig, of consensus.ReplicaID) {
			r.twist = func(from consensus.ReplicaID, _, a consensus.Message) consensus.Message {
				if from == of {
					return nil
				}
				return a
			}
		},
		"plans, and stalls": func(r *rig, of consensus.ReplicaID) {
			r.twist = func(from consensus.ReplicaID, _, a consensus.Message) consensus.Message {
				if _, ok := a.(plan); !ok && from == of {
					return nil
				}
				return a
			}
		},
		"sends a byte a second": func(r *rig, of consensus.ReplicaID) {
			r.delay = func(from consensus.ReplicaID, bytes int) time.Duration {
				if from == of {
					return time.Duration(bytes) * time.Second
				}
				return honest(from, bytes)
			}
		},
		"takes a second for each answer": func(r *rig, of consensus.ReplicaID) {
			r.delay = func(from consensus.ReplicaID, bytes int) time.Duration {
				if from == of {
					return time.Second
				}
				return honest(from, bytes)
			}
		},
		"swells entries": func(r *rig, of consensus.ReplicaID) {
			r.twist = func(from consensus.ReplicaID, _, a consensus.Message) consensus.Message {
				if from == of {
					return swollen(a, 1<<20)
				}
				return a
			}
		},
		"asks for a while": func(r *rig, of consensus.ReplicaID) {
			r.twist = func(from consensus.ReplicaID, q, a consensus.Message) consensus.Message {
				if c, ok := q.(askEntries); ok && from == of {
					return wait{Item: item{Kind: itemPartition, At: c.At, Index: c.Index}}
				}
				return a
			}
		},
	}
	for name, make := range bad {
		for of := range asker {
			took, r := run(func(r *rig) { make(r, of) })
			if took > 2*base {
				t.Errorf("replica %d %s: it took %v, and %v without it", of, name, took, base)
			}
			blamed := r.fetcher.Sources()[of]
			if name != "asks for a while" && blamed.Lies+blamed.Late == 0 {
				t.Errorf("replica %d %s, and nobody says so", of, name)
			}
			for _, c := range r.told {
				if c.Source != of {
					t.Errorf("replica %d %s, and of %d is said: %s", of, name, c.Source, c.Reason)
				}
			}
		}
	}
}
