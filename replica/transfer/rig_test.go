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
	delay   func(from consensus.ReplicaID) time.Duration
	asked   []int // questions by source
	items   map[item]int
	stored  []Store
	hook    func(Store) // before each write
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{
		t: t, scheme: simsig.New(), now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), asked: make([]int, 4),
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
	last := r.chains[r.at]
	r.at += interval
	var changes []statemachine.Change
	for k := range keys {
		c := statemachine.Change{Key: fmt.Appendf(nil, "key%05d", k)}
		if k%7 == 3 && r.at%8 == 0 {
			c.Deleted = true
		} else {
			c.Value = append(make([]byte, size), fmt.Append(nil, r.at)...)
		}
		changes = append(changes, c)
	}
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
		if !r.step() {
			r.now = r.now.Add(20 * time.Millisecond)
			r.fetcher.Tick(r.now, &r.effects)
		}
	}
	return r.done
}

// step carries out one round of effects; false if there were none.
func (r *rig) step() bool {
	r.t.Helper()
	e := r.effects
	r.effects = Effects{}
	r.done = r.done || e.Done
	for _, s := range e.Store {
		if r.hook != nil {
			r.hook(s)
		}
		_, err := s.Do(r.stores[asker], &r.spool)
		r.check(err)
		r.stored = append(r.stored, s)
		r.fetcher.Stored(r.now, &r.effects)
	}
	for _, o := range e.Send {
		r.ask(o)
	}
	return len(e.Store)+len(e.Send) > 0
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
	if q, ok := question.(askChunk); ok {
		r.items[q.Item]++
	}
	for _, frame := range r.servers[o.To].Answer(question) {
		answer := r.decode(frame)
		if r.twist != nil {
			answer = r.twist(o.To, question, answer)
		}
		if answer == nil {
			continue
		}
		if r.delay != nil {
			d := r.delay(o.To)
			for ; d > 0; d -= min(d, 20*time.Millisecond) {
				r.now = r.now.Add(min(d, 20*time.Millisecond))
				r.fetcher.Tick(r.now, &r.effects)
			}
		}
		r.fetcher.Receive(o.To, answer, r.now, &r.effects)
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
