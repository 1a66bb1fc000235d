package consensustest

import (
	"fmt"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/simsig"
)

// A Protocol tells the driver about one engine.
type Protocol interface {
	// Engine makes the engine of one replica.
	Engine(*World, consensus.ReplicaID) consensus.Engine
	// Codec makes the engine's codec.
	Codec(*consensus.Group) consensus.Codec
	// Craft makes a frame of a type, signed by any replicas that the line names.
	Craft(w *World, kind string, line *Line) ([]byte, error)
	// Frame describes a frame in one line.
	Frame(*World, []byte) string
	// Routine reports whether a frame says only where its sender stands.
	Routine([]byte) bool
	// Record describes a log record in one line.
	Record(*World, consensus.Record) string
}

// Start is when scripts begin.
var Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A World is one group of a script. It is used by one goroutine.
type World struct {
	Group   *consensus.Group
	Signers []crypto.Signer
	Scheme  *simsig.Scheme

	protocol Protocol
	codec    consensus.Codec
	batches  map[string]*consensus.Batch
	names    map[crypto.Digest]string
	lacking  map[string]bool
	replicas []*replica
}

// A replica is an engine with its log.
type replica struct {
	id        consensus.ReplicaID
	engine    consensus.Engine
	effects   consensus.Effects
	log       []consensus.Record
	persisted consensus.Position
	trimmed   consensus.Position // records below are gone
	now       time.Time
}

// NewWorld makes a group of n replicas with simulated signatures.
func NewWorld(p Protocol, n int, parameters consensus.Parameters) (*World, error) {
	w := &World{
		Scheme: simsig.New(), protocol: p, batches: map[string]*consensus.Batch{},
		names: map[crypto.Digest]string{consensus.NullDigest: "null"}, lacking: map[string]bool{}, replicas: make([]*replica, n),
	}
	g := consensus.Genesis{Name: "script", Engine: "pbft", Faults: consensus.QuorumsOf(n).F, Parameters: parameters}
	for i := range n {
		s := w.Scheme.NewSigner(crypto.Seed{1, byte(i)})
		w.Signers = append(w.Signers, s)
		g.Replicas = append(g.Replicas, consensus.Member{
			Name: fmt.Sprintf("r%d", i), Key: s.Public(), Transport: w.Scheme.NewSigner(crypto.Seed{2, byte(i)}).Public(),
		})
	}
	var err error
	if w.Group, err = consensus.NewGroup(g, w.Scheme); err != nil {
		return nil, err
	}
	w.codec = p.Codec(w.Group)
	return w, nil
}

// Batch returns the batch of a name, which is made when it is first named.
func (w *World) Batch(name string) *consensus.Batch {
	if name == "null" {
		return consensus.NullBatch
	}
	if w.batches[name] == nil {
		w.define(name, 0)
	}
	return w.batches[name]
}

func (w *World) define(name string, after time.Duration) {
	r := consensus.SignRequest(consensus.Request{
		Kind: consensus.KindOperations, Session: 1, Timestamp: 1, Operations: [][]byte{[]byte(name)},
	}, w.Group.Domain(), w.Scheme.NewSigner(crypto.Seed{3}))
	b := consensus.NewBatch(consensus.Time(Start.Add(after).UnixNano()), []*consensus.Request{r})
	w.batches[name], w.names[b.Digest] = b, name
}

// Chain returns the chain of a name.
func (w *World) Chain(name string) crypto.Digest {
	d := crypto.Hash(crypto.KindChain, []byte(name))
	w.names[d] = name
	return d
}

// Name returns the name of a batch or chain.
func (w *World) Name(d crypto.Digest) string {
	if name, ok := w.names[d]; ok {
		return name
	}
	return fmt.Sprintf("%x", d[:4])
}

// replica returns a replica, which starts when it is first named.
func (w *World) replica(id consensus.ReplicaID) *replica {
	if w.replicas[id] == nil {
		w.replicas[id] = &replica{id: id, now: Start}
		w.start(w.replicas[id], consensus.Started{})
	}
	return w.replicas[id]
}

// start gives a replica a new engine with what its log holds.
func (w *World) start(r *replica, ev consensus.Started) string {
	r.engine = w.protocol.Engine(w, r.id)
	r.effects = consensus.Effects{Next: r.persisted + 1}
	r.log = r.log[:r.persisted]
	for _, x := range r.log {
		if x.Position < r.trimmed {
			continue
		}
		if err := r.engine.Replay(x); err != nil {
			return "log refused: " + err.Error()
		}
	}
	p := w.printer()
	w.step(r, consensus.Tick{Now: r.now}, p)
	w.step(r, ev, p)
	return p.String()
}

// step gives a replica an event, and completes from the pool what it wants.
func (w *World) step(r *replica, ev consensus.Event, p *printer) {
	r.effects.Reset()
	r.engine.Step(ev, &r.effects)
	r.log = append(r.log, r.effects.Persist...)
	for _, at := range r.effects.Trim {
		r.trimmed = at
	}
	var found []*consensus.Batch
	for i := 0; i < len(r.effects.Fetch); i++ {
		f := r.effects.Fetch[i]
		if name := w.Name(f.Digest); w.batches[name] != nil && !w.lacking[name] {
			found = append(found, w.batches[name])
			r.effects.Fetch = append(r.effects.Fetch[:i], r.effects.Fetch[i+1:]...)
			i--
		}
	}
	p.effects(&r.effects)
	for _, b := range found {
		w.step(r, consensus.Completed{Batch: b}, p)
	}
}

// deliver takes a frame through codec and signature checks into the engine.
func (w *World) deliver(r *replica, from consensus.ReplicaID, frame []byte, p *printer) {
	st := r.engine.Status()
	u, err := w.codec.Decode(frame, consensus.Hint{View: st.View, Low: st.Low, High: st.High})
	if err != nil {
		p.line("refused", fmt.Sprintf("%v, after 0 signature checks", err))
		return
	}
	crypto.VerifyAll(w.Scheme, []crypto.Unverified[consensus.Message]{u}, func(_ int, v crypto.Verified[consensus.Message]) {
		w.step(r, consensus.Received{From: from, Message: v}, p)
	}, func(int) { p.line("refused", fmt.Sprintf("a signature does not hold (%d checked)", len(u.Checks))) })
}
