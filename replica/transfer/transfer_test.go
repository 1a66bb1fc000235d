package transfer

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
)

// behind makes an asker that is some windows behind; with a snapshot between it and
// the target if whole.
func behind(t *testing.T, whole bool) *rig {
	t.Helper()
	r := newRig(t)
	r.window(all, 300, 10)
	r.window(sources, 40, 10)
	if whole {
		r.snapshot(sources, true)
	}
	r.window(sources, 50, 10)
	r.window(sources, 20, 10)
	r.start()
	return r
}

// R93, R94: the state arrives through windows alone if the sources have them, and
// else through a snapshot and the windows after it.
func TestTransfer(t *testing.T) {
	for _, whole := range []bool{false, true} {
		r := behind(t, whole)
		if !r.run(time.Second) {
			t.Fatal(r.fetcher.Status())
		}
		r.equal()
		if (r.installs() > 0) != whole || (r.fetcher.Snapshot() != nil) != whole {
			t.Errorf("whole=%v: %d snapshots installed", whole, r.installs())
		}
		if r.fetcher.Active() || r.fetcher.Status() != "" || r.fetcher.Target() != r.at {
			t.Errorf("whole=%v: active=%v %q", whole, r.fetcher.Active(), r.fetcher.Status())
		}
	}
}

// R94: the version of a partition table is nobody's statement. A source that was
// restored from a backup, whose table has none, is no liar.
func TestForeignVersion(t *testing.T) {
	for _, version := range []statemachine.Version{0, 1<<64 - 1} {
		r := behind(t, true)
		for _, i := range sources {
			saved, err := r.stores[i].SavedSnapshot()
			r.check(err)
			rest := cryptobyte.String(saved)
			c, err := wire.ReadSnapshotCertificate(&rest, r.group)
			r.check(err)
			table, ok := statemachine.ReadPartitions(rest)
			if !ok {
				t.Fatal("the saved table cannot be read")
			}
			table.Version = version
			r.check(r.stores[i].SaveSnapshot(append(c.Value.Marshal(), table.Marshal()...)))
		}
		if !r.run(time.Second) {
			t.Fatal(r.fetcher.Status())
		}
		r.equal()
		if len(r.told) > 0 {
			t.Errorf("version %d: %v", version, r.told)
		}
	}
}

// TestLiars: R94 – whatever one source says of any item, nothing wrong is stored, the
// transfer ends, and the liar is not asked for long.
func TestLiars(t *testing.T) {
	garbage := func(m consensus.Message) consensus.Message {
		switch m := m.(type) {
		case entries:
			m.Data = bytes.Clone(m.Data)
			if len(m.Data) > 0 {
				m.Data[len(m.Data)/2] ^= 1
			}
			return m
		case plan:
			m.Windows = append([]planWindow(nil), m.Windows...)
			m.Windows[len(m.Windows)-1].WriteSet[0] ^= 1
			return m
		case chunk:
			m.Data = bytes.Clone(m.Data)
			if len(m.Data) > 0 {
				m.Data[len(m.Data)/2] ^= 1
			}
			return m
		}
		return m
	}
	invented := []statemachine.Change{{Key: []byte("invention"), Value: []byte("of a liar")}}
	lies := map[string]func(question, answer consensus.Message) consensus.Message{
		// All that is wrong is where the plan leads (R93).
		"another history": func(_, a consensus.Message) consensus.Message {
			switch m := a.(type) {
			case plan:
				m.Windows = slices.Clone(m.Windows)
				m.Windows[len(m.Windows)-1].WriteSet = statemachine.WriteSetDigest(invented)
				return m
			case chunk:
				if m.Item.Kind == itemWindow {
					m.Data, m.Last = encode(invented), true
				}
				return m
			}
			return a
		},
		"garbage": func(_, a consensus.Message) consensus.Message { return garbage(a) },
		"gone":    func(consensus.Message, consensus.Message) consensus.Message { return gone{} },
		"gone for each item": func(q, _ consensus.Message) consensus.Message {
			if q, ok := q.(askChunk); ok {
				return gone{Item: q.Item}
			}
			return gone{}
		},
		"nothing": func(_, _ consensus.Message) consensus.Message { return nil },
		"cut short": func(_, a consensus.Message) consensus.Message {
			if e, ok := a.(entries); ok {
				e.Data = e.Data[:len(e.Data)-1]
				return e
			}
			if c, ok := a.(chunk); ok && len(c.Data) > 0 {
				c.Data, c.Last = c.Data[:len(c.Data)-1], true
				return c
			}
			return a
		},
		"too long": func(_, a consensus.Message) consensus.Message {
			if e, ok := a.(entries); ok {
				e.Data = append(bytes.Clone(e.Data), e.Data...)
				return e
			}
			if c, ok := a.(chunk); ok {
				c.Data, c.Last = make([]byte, chunkBytes), false
				return c
			}
			return a
		},
		"one byte at a time": func(q, a consensus.Message) consensus.Message {
			if c, ok := a.(chunk); ok && len(c.Data) > 1 {
				c.Data, c.Last = c.Data[:1], false
				return c
			}
			return a
		},
		"another list": func(q, a consensus.Message) consensus.Message {
			if c, ok := a.(chunk); ok && c.Item.Kind == itemList {
				c.Data = make([]byte, len(c.Data))
				return c
			}
			return a
		},
		"a list of what the asker has": func(q, a consensus.Message) consensus.Message {
			if c, ok := a.(chunk); ok && c.Item.Kind == itemList && len(c.Data) >= 2*shortBytes {
				c.Data = append(bytes.Clone(c.Data[shortBytes:]), c.Data[:shortBytes]...)
				copy(c.Data, c.Data[shortBytes:2*shortBytes])
				return c
			}
			return a
		},
		"waits": func(q, a consensus.Message) consensus.Message {
			if q, ok := q.(askEntries); ok {
				return wait{Item: item{Kind: itemPartition, At: q.At, Index: q.Index}}
			}
			return a
		},
		"an entry at a time": func(q, a consensus.Message) consensus.Message {
			if e, ok := a.(entries); ok {
				_, last, _ := countEntries(e.Data)
				e.Data = e.Data[:len(e.Data)-last]
				return e
			}
			return a
		},
		"one value": func(_, a consensus.Message) consensus.Message {
			if e, ok := a.(entries); ok && len(e.Data) > 0 {
				e.Data = bytes.Clone(e.Data)
				e.Data[len(e.Data)-1] ^= 1
				return e
			}
			if c, ok := a.(chunk); ok && c.Item.Kind != itemTable && c.Last && len(c.Data) > 0 {
				c.Data = bytes.Clone(c.Data)
				c.Data[len(c.Data)-1] ^= 1
				return c
			}
			return a
		},
		"empty": func(_, a consensus.Message) consensus.Message {
			if c, ok := a.(chunk); ok {
				c.Data, c.Last = nil, false
				return c
			}
			return a
		},
		"no windows": func(_, a consensus.Message) consensus.Message {
			if p, ok := a.(plan); ok {
				p.Windows, p.Snapshot = nil, nil
				return p
			}
			return a
		},
		"version": func(_, a consensus.Message) consensus.Message {
			if c, ok := a.(chunk); ok && c.Item.Kind == itemTable && c.Offset == 0 {
				c.Data = bytes.Clone(c.Data)
				c.Data[0] ^= 0x80
				return c
			}
			return a
		},
	}
	for name, lie := range lies {
		for i := range 2 * asker {
			whole, liar := i%2 == 1, i/2
			r := behind(t, whole)
			r.twist = func(from consensus.ReplicaID, q, a consensus.Message) consensus.Message {
				if from != liar {
					return a
				}
				return lie(q, a)
			}
			if !r.run(10 * time.Second) {
				t.Errorf("%s, whole=%v: %s", name, whole, r.fetcher.Status())
				continue
			}
			r.equal()
			if strings.Contains(name, "liar") && r.asked[liar] > 8 {
				t.Errorf("%s, whole=%v: the liar was asked %d times", name, whole, r.asked[liar])
			}
		}
	}
}

// TestMovedTarget: R96 – however often the target moves, in whatever phase, what is
// under way goes on, nothing is fetched twice, and the transfer ends at the newest.
func TestMovedTarget(t *testing.T) {
	for _, whole := range []bool{false, true} {
		r := behind(t, whole)
		moves := 0
		for range 100000 {
			if r.done {
				break
			}
			if moves < 60 {
				moves++
				r.window(sources, 5, 10)
				r.start()
			}
			r.step()
		}
		if !r.done {
			t.Fatalf("whole=%v: %s", whole, r.fetcher.Status())
		}
		r.equal()
		for i, n := range r.items {
			if n > 4 && i.Kind != itemTable {
				t.Errorf("whole=%v: item %+v was asked for %d times", whole, i, n)
			}
		}
	}
}

// TestSilentLast: R94, R96 – a source that never answers keeps nobody at a snapshot that
// all others have given back.
func TestSilentLast(t *testing.T) {
	r := newRig(t)
	for range 2 {
		r.window(sources, 50, 10)
	}
	r.snapshot(sources, true)
	old, moved := r.at, false
	r.twist = func(from consensus.ReplicaID, question, answer consensus.Message) consensus.Message {
		q, ok := question.(askChunk)
		switch {
		case from == 2:
			return nil
		case ok && q.Item.At == old:
			moved = true
			return gone{Item: q.Item}
		}
		return answer
	}
	r.start()
	for range 10_000 {
		r.step()
		if moved && r.at == old {
			for range 2 {
				r.window(sources, 50, 10)
			}
			r.snapshot(sources, true)
			r.start()
		}
	}
	if !r.done {
		t.Fatal(r.fetcher.Status())
	}
	r.equal()
}

// TestMovedWhileStoring: R95 – a write that is under way when the target moves is
// not done a second time.
func TestMovedWhileStoring(t *testing.T) {
	for _, whole := range []bool{false, true} {
		r := behind(t, whole)
		r.hook = func(Store) {
			if r.at < 60 {
				r.window(sources, 5, 10)
				r.start()
			}
		}
		if !r.run(time.Minute) {
			t.Fatalf("whole=%v: %s", whole, r.fetcher.Status())
		}
		r.equal()
		seen := map[consensus.Sequence]bool{}
		for _, s := range r.stored {
			if s.Window != nil && seen[s.Window.Sequence] {
				t.Errorf("whole=%v: window %d was stored twice", whole, s.Window.Sequence)
			}
			if s.Window != nil {
				seen[s.Window.Sequence] = true
			}
		}
	}
}

// TestCrashBetweenStores: R95 – a transfer that a crash ends begins anew from what
// is durable, wherever it was.
func TestCrashBetweenStores(t *testing.T) {
	for _, whole := range []bool{false, true} {
		for crashAt := 0; ; crashAt += 1 + crashAt/4 {
			r := behind(t, whole)
			for len(r.stored) < crashAt && !r.done {
				r.step()
			}
			if m, err := r.stores[asker].Marker(); err != nil || m.Version.Sequence() == r.at {
				break
			}
			r.crash()
			if !r.run(time.Second) {
				t.Fatalf("whole=%v, crash after %d writes: %s", whole, crashAt, r.fetcher.Status())
			}
			r.equal()
		}
	}
}

// TestNoWayBack: R84 – when nobody has windows from here on, a liar cannot make the
// asker go back to an older snapshot, however many refuse.
func TestNoWayBack(t *testing.T) {
	r := newRig(t)
	r.window(all, 30, 10)
	r.snapshot(sources, false)
	r.window(all, 30, 10)
	r.window(sources, 30, 10)
	r.twist = func(from consensus.ReplicaID, q, a consensus.Message) consensus.Message {
		if p, ok := a.(plan); ok && (from != 1 || p.Snapshot == nil) {
			return gone{}
		}
		return a
	}
	r.start()
	if r.run(20*time.Second) || r.installs() > 0 {
		t.Fatal("an older snapshot was installed")
	}
	r.twist = nil
	if !r.run(20 * time.Second) {
		t.Fatal("it did not go on: ", r.fetcher.Status())
	}
	r.equal()
}

// TestSourceChangesMidway: R96 – when the source goes away in the middle of a
// snapshot, the partitions that are there stay.
func TestSourceChangesMidway(t *testing.T) {
	r := behind(t, true)
	r.twist = func(from consensus.ReplicaID, q, a consensus.Message) consensus.Message {
		if q, ok := q.(askEntries); ok && from == 0 && q.Index > 100 {
			return gone{Item: item{Kind: itemPartition, At: q.At, Index: q.Index}}
		}
		return a
	}
	if !r.run(time.Second) {
		t.Fatal(r.fetcher.Status())
	}
	r.equal()
	for i, n := range r.items {
		if n > 2 && i.Kind == itemPartition && i.Index <= 80 {
			t.Errorf("partition %d was asked for %d times", i.Index, n)
		}
	}
}

// R93: what is not asked for, or comes from another than the present source, changes
// nothing.
func TestUnasked(t *testing.T) {
	r := behind(t, false)
	r.effects = Effects{}
	right := r.servers[0].Answer(askPlan{From: interval, Target: r.at})[0]
	for _, m := range []struct {
		from consensus.ReplicaID
		m    consensus.Message
	}{
		{2, r.decode(right)},
		{asker, r.decode(right)},
		{2, gone{}},
		{0, chunk{Last: true}},
		{0, plan{From: 0, Target: r.at}},
		{0, plan{From: interval, Target: r.at + interval}},
		{0, askPlan{}},
	} {
		if r.fetcher.Receive(m.from, m.m, r.now, &r.effects); len(r.effects.Send)+len(r.effects.Store) > 0 {
			t.Errorf("from %d, %T: %+v", m.from, m.m, r.effects)
		}
	}
	r.fetcher.Stored(Result{}, r.now, &r.effects)
	if len(r.effects.Send)+len(r.effects.Store) > 0 || r.effects.Done {
		t.Error("a write that nobody asked for was taken for one")
	}
}

// R124: a server names and serves only windows that its replica executed; R107: no
// question makes it panic.
func TestServerRefuses(t *testing.T) {
	r := newRig(t)
	r.window(all, 30, 10)
	r.window(all, 30, 10)
	r.snapshot(all, true)
	r.window(all, 30, 10)
	r.servers[0].Answer(hold{At: 8})
	for r.servers[0].Work() {
	}
	for _, q := range []consensus.Message{
		askPlan{From: 12, Target: 12},
		askPlan{From: 13, Target: 16},
		askPlan{From: 8, Target: 16},
		askPlan{From: 8, Target: 1<<64 - 4},
		askPlan{From: 1<<64 - 4, Target: 8},
		askPlan{From: 8, Target: 9},
		askPlan{From: 9, Target: 12},
		askChunk{Item: item{Kind: itemWindow, At: 0}},
		askChunk{Item: item{Kind: itemWindow, At: 6}},
		askChunk{Item: item{Kind: itemWindow, At: 16}},
		askChunk{Item: item{Kind: itemWindow, At: 1<<64 - 4}},
		askChunk{Item: item{Kind: itemWindow, At: 4}},
		askChunk{Item: item{Kind: itemWindow, At: 12}, Offset: 1 << 63},
		askChunk{Item: item{Kind: itemTable, At: 12}},
		askChunk{Item: item{Kind: itemTable, At: 8}, Offset: 1 << 63},
		askChunk{Item: item{Kind: itemList, At: 12, Index: 3}},
		askChunk{Item: item{Kind: itemList, At: 8, Index: 3}, Offset: 1 << 63},
		askEntries{At: 12, Index: 3},
		askEntries{At: 8, Index: 3, From: 1 << 31},
		askEntries{At: 8, Index: 3, Wanted: []byte{1, 255, 255}},
		hold{At: 12},
		hold{},
		askChunk{},
	} {
		for _, f := range r.servers[0].Answer(q) {
			if m := r.decode(f); m.Type() != typeGone {
				t.Errorf("%+v is answered with %+v", q, m)
			}
		}
	}
	r.window(all, 30, 10) // what was asked for too early is served now
	if c, ok := r.decode(r.servers[0].Answer(askChunk{Item: item{Kind: itemWindow, At: 16}})[0]).(chunk); !ok || len(c.Data) == 0 {
		t.Error("a question for a window that was not there yet spoiled it")
	}
	if frames := r.servers[0].Answer(gone{}); frames != nil {
		t.Errorf("an answer was answered: %v", frames)
	}
	if p, ok := r.decode(r.servers[0].Answer(askPlan{From: 0, Target: 12})[0]).(plan); !ok || p.Snapshot == nil || len(p.Windows) != 1 {
		t.Errorf("no way through the snapshot: %+v", p)
	}
}

// R94, R101: what a source can make the asker gather is bounded, and grows only when
// nobody has the item within that; what is honest fits in the end.
func TestItemBytesMax(t *testing.T) {
	f := NewFetcher(newRig(t).group, asker)
	p := f.group.Genesis.Parameters
	session := p.SessionBytesMax + p.SessionWindow*81 + 68
	var table statemachine.Partitions
	for i := range 20_000 {
		table.Add(fmt.Append(nil, i), nil)
	}
	for _, c := range []struct {
		job   job
		least uint64
	}{
		{job{item: item{Kind: itemTable}}, uint64(len(table.Marshal()))},
		{job{item: item{Kind: itemPartition}, lists: true, count: 9}, 9 * shortBytes},
		{job{item: item{Kind: itemWindow}}, p.CheckpointInterval*p.BatchWritesBytesMax() + p.ClientsMax*p.SessionsPerClient*session},
	} {
		f.rounds = 0
		if got := f.itemBytesMax(&c.job); got > gatherBytesMax {
			t.Errorf("%s: a liar makes the asker gather %d bytes", c.job.item, got)
		}
		if f.rounds = 1 << 30; f.itemBytesMax(&c.job) < c.least {
			t.Errorf("%s: an honest item of %d bytes does not fit into %d", c.job.item, c.least, f.itemBytesMax(&c.job))
		}
	}
}

// TestTidy: R101 – what was staged and not used, in this life or an earlier one, is given
// back when a transfer ends without it.
func TestTidy(t *testing.T) {
	r := behind(t, false)
	r.check(r.spool.Append(AreaStaged, 7, []byte("of an earlier life")))
	r.check(r.spool.Save([]byte("a note")))
	if !r.run(time.Second) {
		t.Fatal(r.fetcher.Status())
	}
	r.equal()
	for len(r.jobs) > 0 {
		r.write()
	}
	if note, _ := r.spool.Saved(); note != nil || r.spool.Size(AreaStaged, 7) > 0 {
		t.Errorf("the spool has %d bytes and a note of %d", r.spool.Size(AreaStaged, 7), len(note))
	}
	if r.fetcher.Tidy(&r.effects); len(r.effects.Store) > 0 {
		t.Error("it is emptied twice")
	}
	f := NewFetcher(r.group, asker)
	f.Tidy(&r.effects)
	if len(r.effects.Store) != 1 || r.effects.Store[0].Discard == nil {
		t.Error("at a start nobody knows that it is empty")
	}
}
