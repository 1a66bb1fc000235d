package transfer

import (
	"fmt"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/simsig"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/memory"
)

const interval = 4

// asker is the replica that fell behind; the others are its sources.
const asker consensus.ReplicaID = 3

// A rig is a group of four: three sources that went the same way, and an asker.
type rig struct {
	t       testing.TB
	scheme  *simsig.Scheme
	group   *consensus.Group
	signers []crypto.Signer
	stores  []*memory.Store
	servers []*Server
	chains  map[consensus.Sequence]crypto.Digest
	at      consensus.Sequence // where the sources stand

	now     time.Time
	fetcher *Fetcher
	spool   MemorySpool
	effects Effects
	done    bool
	twist   func(from consensus.ReplicaID, question, answer consensus.Message) consensus.Message // nil answers nothing
	delay   func(from consensus.ReplicaID, bytes int) time.Duration                              // how long an answer of a source takes, one after the other
	asked   []int                                                                                // questions by source
	items   map[item]int
	gave    []int // bytes of answers, by source
	stored  []Store
	hook    func(Store) // before each write

	flying []flight // answers under way
	free   []time.Time
	jobs   []Store // at the disk, one after the other
	tick   time.Time
	told   []Complaint
}

// A flight is an answer under way.
type flight struct {
	at     time.Time
	from   consensus.ReplicaID
	answer consensus.Message
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{
		t: t, scheme: simsig.New(), now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), asked: make([]int, 4),
		gave: make([]int, 4), free: make([]time.Time, 4),
		items: map[item]int{}, chains: map[consensus.Sequence]crypto.Digest{},
	}
	g := consensus.Genesis{Name: "test", Engine: "pbft", Faults: 1, Parameters: consensus.DefaultParameters()}
	g.Parameters.CheckpointInterval, g.Parameters.Window, g.Parameters.SnapshotInterval = interval, 16, 2
	for i := range 4 {
		s := r.scheme.NewSigner(crypto.Seed{1, byte(i)})
		r.signers = append(r.signers, s)
		g.Replicas = append(g.Replicas, consensus.Member{
			Name: fmt.Sprint("r", i), Key: s.Public(), Transport: r.scheme.NewSigner(crypto.Seed{2, byte(i)}).Public(),
		})
	}
	var err error
	if r.group, err = consensus.NewGroup(g, r.scheme); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		store := memory.New()
		r.stores = append(r.stores, store)
		r.servers = append(r.servers, NewServer(r.group, store, &MemorySpool{}))
	}
	r.fetcher = NewFetcher(r.group, asker)
	return r
}

func (r *rig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// window stores the next window with some sources, and with the asker if it is
// among them.
func (r *rig) window(with []int, keys int, size int) {
	r.t.Helper()
	var changes []statemachine.Change
	for k := range keys {
		c := statemachine.Change{Key: fmt.Appendf(nil, "key%05d", k)}
		if k%7 == 3 && (r.at+interval)%8 == 0 {
			c.Deleted = true
		} else {
			c.Value = append(make([]byte, size), fmt.Append(nil, r.at+interval)...)
		}
		changes = append(changes, c)
	}
	r.changes(with, changes)
}

// changes stores a window of changes.
func (r *rig) changes(with []int, changes []statemachine.Change) {
	r.t.Helper()
	last := r.chains[r.at]
	r.at += interval
	chain := statemachine.NextChain(last, r.at, statemachine.WriteSetDigest(changes))
	r.chains[r.at] = chain
	for _, i := range with {
		v, err := r.stores[i].Next(r.at)
		r.check(err)
		r.check(r.stores[i].Apply(changes, statemachine.Marker{Version: v, Chain: chain}))
	}
}

var (
	all     = []int{0, 1, 2, 3}
	sources = []int{0, 1, 2}
)

// snapshot certifies the present state of the sources, and retires what is older.
func (r *rig) snapshot(with []int, retire bool) {
	r.t.Helper()
	for _, i := range with {
		m, err := r.stores[i].Marker()
		r.check(err)
		p, err := statemachine.ComputePartitions(r.stores[i], m.Version)
		r.check(err)
		n := wire.Snapshot{Sequence: m.Version.Sequence(), Chain: m.Chain, Root: p.Root()}
		c := wire.SnapshotCertificate{Snapshot: n}
		for id := range consensus.ReplicaID(3) {
			c.Signers = append(c.Signers, wire.SnapshotSigner{Replica: id, Signature: n.Sign(r.group, id, r.signers[id]).Signature})
		}
		r.check(r.stores[i].SaveSnapshot(append(c.Marshal(), p.Marshal()...)))
		if retire {
			r.check(r.stores[i].Retire(m.Version))
		}
	}
}

func (r *rig) target() consensus.Checkpoint {
	return consensus.Checkpoint{Sequence: r.at, Chain: r.chains[r.at]}
}

func (r *rig) start() {
	r.t.Helper()
	m, err := r.stores[asker].Marker()
	r.check(err)
	r.fetcher.Start(r.target(), m, false, r.now, &r.effects)
}

// run carries out what the fetcher asks for until it is done, or the time is over.
func (r *rig) run(limit time.Duration) bool {
	r.t.Helper()
	for end := r.now.Add(limit); !r.done && r.now.Before(end); {
		r.step()
	}
	return r.done
}

// step carries out what was asked for, and lets the next thing happen: an answer
// arrives, a write ends, or time passes.
func (r *rig) step() {
	r.t.Helper()
	e := r.effects
	r.effects = Effects{}
	r.done = r.done || e.Done
	r.jobs = append(r.jobs, e.Store...)
	r.told = append(r.told, e.Complain...)
	for _, o := range e.Send {
		r.ask(o)
	}
	for i := range r.fetcher.sources {
		if n := r.fetcher.sources[i].open; n > openMax {
			r.t.Fatalf("%d questions are with source %d, which takes %d", n, i, openMax)
		}
	}
	for _, s := range r.servers {
		for s.Work() {
		}
	}
	switch first := r.first(); {
	case r.done:
	case len(r.jobs) > 0:
		r.write()
	case first >= 0 && !r.flying[first].at.After(r.tick):
		f := r.flying[first]
		r.flying = append(r.flying[:first], r.flying[first+1:]...)
		r.pass(f.at)
		r.fetcher.Receive(f.from, f.answer, r.now, &r.effects)
	default:
		r.pass(r.tick)
		r.tick = r.now.Add(20 * time.Millisecond)
		r.fetcher.Tick(r.now, &r.effects)
	}
}

func (r *rig) pass(to time.Time) {
	if to.After(r.now) {
		r.now = to
	}
}

// first returns the answer that arrives next; -1 if none is under way.
func (r *rig) first() int {
	first := -1
	for i := range r.flying {
		if first < 0 || r.flying[i].at.Before(r.flying[first].at) {
			first = i
		}
	}
	return first
}

// write does the first job at the disk.
func (r *rig) write() {
	r.t.Helper()
	s := r.jobs[0]
	r.jobs = r.jobs[1:]
	if r.hook != nil {
		r.hook(s)
	}
	result, err := s.Do(r.stores[asker], &r.spool)
	r.check(err)
	r.stored = append(r.stored, s)
	r.fetcher.Stored(result, r.now, &r.effects)
}

// crash ends the asker's process: what is not durable is gone.
func (r *rig) crash() {
	r.fetcher, r.effects, r.jobs, r.flying = NewFetcher(r.group, asker), Effects{}, nil, nil
	r.spool.Crash()
	r.start()
}

func (r *rig) decode(frame []byte) consensus.Message {
	r.t.Helper()
	u, err := Decode(frame, r.group)
	r.check(err)
	valid := make([]bool, len(u.Checks))
	r.scheme.Verify(u.Checks, valid)
	for _, ok := range valid {
		if !ok {
			r.t.Fatal("a signature does not hold")
		}
	}
	return u.Value
}

func (r *rig) ask(o consensus.Outbound) {
	r.t.Helper()
	if o.To == asker || int(o.To) >= 4 || o.Class != consensus.ClassState {
		r.t.Fatalf("a question to %d in class %d", o.To, o.Class)
	}
	question := r.decode(o.Frame)
	r.asked[o.To]++
	switch q := question.(type) {
	case askChunk:
		r.items[q.Item]++
	case askEntries:
		r.items[item{Kind: itemPartition, At: q.At, Index: q.Index}]++
	}
	for _, frame := range r.servers[o.To].Answer(question) {
		answer := r.decode(frame)
		if r.twist != nil {
			answer = r.twist(o.To, question, answer)
		}
		if answer == nil {
			continue
		}
		r.gave[o.To] += len(frame)
		at := r.now
		if r.delay != nil {
			if r.free[o.To].After(at) {
				at = r.free[o.To]
			}
			at = at.Add(r.delay(o.To, len(frame)))
			r.free[o.To] = at
		}
		r.flying = append(r.flying, flight{at, o.To, answer})
	}
}

// equal fails unless the asker holds exactly the state of a source.
func (r *rig) equal() {
	r.t.Helper()
	var roots [2]crypto.Digest
	var markers [2]statemachine.Marker
	for i, id := range []consensus.ReplicaID{0, asker} {
		var err error
		markers[i], err = r.stores[id].Marker()
		r.check(err)
		p, err := statemachine.ComputePartitions(r.stores[id], markers[i].Version)
		r.check(err)
		roots[i] = p.Root()
	}
	if roots[0] != roots[1] || markers[0].Chain != markers[1].Chain || markers[0].Version.Sequence() != markers[1].Version.Sequence() {
		r.t.Fatalf("the asker stands at %d, its source at %d; same state: %v", markers[1].Version.Sequence(), markers[0].Version.Sequence(), roots[0] == roots[1])
	}
}

// installs counts the snapshots that were installed.
func (r *rig) installs() (n int) {
	for _, s := range r.stored {
		if s.Install != nil {
			n++
		}
	}
	return n
}
