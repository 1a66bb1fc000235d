package pbft

import (
	"fmt"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/simsig"
)

// startTime is when virtual groups start.
var startTime = time.Unix(1_700_000_000, 0)

// fataler is what testing.TB and rapid.T have in common here.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// newGroup makes a group of n replicas with simulated signatures.
func newGroup(t fataler, n int, change func(*consensus.Parameters)) (*consensus.Group, []crypto.Signer, *simsig.Scheme) {
	t.Helper()
	scheme := simsig.New()
	p := consensus.DefaultParameters()
	if change != nil {
		change(&p)
	}
	g := consensus.Genesis{Name: "test", Engine: "pbft", Faults: consensus.QuorumsOf(n).F, Parameters: p}
	signers := make([]crypto.Signer, n)
	for i := range n {
		signers[i] = scheme.NewSigner(crypto.Seed{1, byte(i)})
		transport := scheme.NewSigner(crypto.Seed{2, byte(i)})
		g.Replicas = append(g.Replicas, consensus.Member{Name: fmt.Sprintf("r%d", i), Key: signers[i].Public(), Transport: transport.Public()})
	}
	group, err := consensus.NewGroup(g, scheme)
	if err != nil {
		t.Fatal(err)
	}
	return group, signers, scheme
}

func small(p *consensus.Parameters) { p.CheckpointInterval, p.Window = 4, 8 }

// batchOf makes a batch of one request.
func batchOf(g *consensus.Group, scheme *simsig.Scheme, name string, at time.Time) *consensus.Batch {
	r := consensus.SignRequest(consensus.Request{
		Kind: consensus.KindOperations, Session: 1, Timestamp: 1, Operations: [][]byte{[]byte(name)},
	}, g.Domain(), scheme.NewSigner(crypto.Seed{3}))
	return consensus.NewBatch(consensus.Time(at.UnixNano()), []*consensus.Request{r})
}

// A host runs one engine: it keeps the log and the state, of which a crash takes
// what was not synced.
type host struct {
	id       consensus.ReplicaID
	engine   *Engine
	effects  consensus.Effects
	log      []consensus.Record
	synced   consensus.Position
	trimmed  consensus.Position // records below are forgotten (R123)
	outbox   []consensus.Outbound
	flushes  []consensus.Execute // of boundaries, until the log covers them
	executed []crypto.Digest
	flushed  consensus.Sequence
	halted   string
	liar     bool
	audience func(consensus.ReplicaID) bool // whom a liar's engine speaks with
}

// A network runs a whole group. With lazy, logs are synced only when told.
type network struct {
	t       fataler
	group   *consensus.Group
	signers []crypto.Signer
	scheme  *simsig.Scheme
	codec   consensus.Codec
	hosts   []*host // by replica; a liar may have further ones behind them
	batches map[crypto.Digest]*consensus.Batch
	queue   []packet
	now     time.Time
	lazy    bool
	drop    func(packet) bool
	sent    func(*host, []byte) // sees every frame that leaves
	reports []consensus.Evidence
}

type packet struct {
	from, to consensus.ReplicaID
	host     *host // the one host that it is for
	frame    []byte
}

func newNetwork(t fataler, n int, change func(*consensus.Parameters)) *network {
	g, signers, scheme := newGroup(t, n, change)
	w := &network{t: t, group: g, signers: signers, scheme: scheme, codec: NewCodec(g), batches: map[crypto.Digest]*consensus.Batch{}, now: startTime}
	for i := range n {
		w.hosts = append(w.hosts, &host{id: consensus.ReplicaID(i)})
		w.start(w.hosts[i])
	}
	w.run()
	return w
}

func (w *network) host(i int) *host { return w.hosts[i] }

// start gives a replica a new engine and what its disk holds.
func (w *network) start(h *host) {
	h.engine = New(Config{Group: w.group, Self: h.id, Signer: w.signers[h.id]})
	h.effects, h.outbox, h.flushes = consensus.Effects{}, nil, nil
	h.log = h.log[:h.synced]
	for _, r := range h.log[max(h.trimmed, 1)-1:] {
		if err := h.engine.Replay(r); err != nil {
			w.t.Fatal(err)
		}
	}
	h.effects.Next = h.synced + 1
	h.executed = h.executed[:h.flushed]
	w.step(h, consensus.Tick{Now: w.now})
	w.step(h, consensus.Started{Executed: h.flushed, Chain: h.chain(h.flushed)})
}

// chain is a digest of everything executed up to a sequence.
func (h *host) chain(n consensus.Sequence) (d crypto.Digest) {
	for _, b := range h.executed[:n] {
		d = crypto.Hash(crypto.KindChain, d[:], b[:])
	}
	return d
}

func (w *network) step(h *host, ev consensus.Event) {
	if h.halted != "" {
		return
	}
	out := &h.effects
	out.Reset()
	h.engine.Step(ev, out)
	h.log = append(h.log, out.Persist...)
	var follow []consensus.Event
	for _, x := range out.Execute {
		if int(x.Sequence) != len(h.executed)+1 {
			w.t.Fatalf("r%d executes %d after %d (R40)", h.id, x.Sequence, len(h.executed))
		}
		h.executed = append(h.executed, x.Batch.Digest)
		follow = append(follow, consensus.Executed{Sequence: x.Sequence})
		if uint64(x.Sequence)%w.group.Genesis.Parameters.CheckpointInterval == 0 {
			h.flushes = append(h.flushes, x)
		}
	}
	for _, f := range out.Fetch {
		if b := w.batches[f.Digest]; b != nil {
			follow = append(follow, consensus.Completed{Batch: b})
		}
	}
	if len(out.Halt) > 0 {
		h.halted = out.Halt[0].Reason
		return
	}
	for _, at := range out.Trim {
		h.trimmed = at
	}
	w.reports = append(w.reports, out.Report...)
	h.outbox = append(h.outbox, out.Send...)
	for _, c := range out.Behind {
		if w.install(h, c.Sequence) {
			follow = append(follow, consensus.Installed{Sequence: c.Sequence, Chain: c.Chain})
		}
	}
	for _, f := range follow {
		w.step(h, f)
	}
	if !w.lazy {
		w.sync(h)
	}
	w.release(h)
}

// sync makes the log durable, and then the windows that rest on it.
func (w *network) sync(h *host) {
	if h.halted != "" {
		return
	}
	if through := consensus.Position(len(h.log)); through > h.synced {
		h.synced = through
		w.step(h, consensus.Persisted{Through: through})
	}
	for len(h.flushes) > 0 && h.flushes[0].After <= h.synced {
		n := h.flushes[0].Sequence
		h.flushes = h.flushes[1:]
		if n > h.flushed {
			h.flushed = n
			w.step(h, consensus.Flushed{Sequence: n, Chain: h.chain(n)})
		}
	}
}

// release sends what the log covers.
func (w *network) release(h *host) {
	keep := h.outbox[:0:0]
	for _, s := range h.outbox {
		if s.After > h.synced {
			keep = append(keep, s)
			continue
		}
		if w.sent != nil {
			w.sent(h, s.Frame)
		}
		for _, to := range w.hosts {
			if to != h && to.id != h.id && (s.To == consensus.Everyone || s.To == to.id) && h.talks(to) && to.talks(h) {
				w.queue = append(w.queue, packet{h.id, to.id, to, s.Frame})
			}
		}
	}
	h.outbox = keep
}

func (h *host) talks(to *host) bool { return h.audience == nil || h.audience(to.id) }

// install copies the state of another correct replica.
func (w *network) install(h *host, n consensus.Sequence) bool {
	for _, o := range w.hosts {
		if o != h && !o.liar && len(o.executed) >= int(n) {
			h.executed, h.flushes = append([]crypto.Digest(nil), o.executed[:n]...), nil
			h.flushed = n
			return true
		}
	}
	return false
}

func (w *network) run() {
	for len(w.queue) > 0 {
		p := w.queue[0]
		w.queue = w.queue[1:]
		if w.drop == nil || !w.drop(p) {
			w.deliver(p)
		}
	}
}

func (w *network) deliver(p packet) {
	if p.host.halted != "" {
		return
	}
	st := p.host.engine.Status()
	u, err := w.codec.Decode(p.frame, consensus.Hint{View: st.View, Low: st.Low, High: st.High})
	if err == consensus.ErrStale {
		return
	}
	if err != nil {
		w.t.Fatalf("r%d sent r%d a frame of type %d: %v", p.from, p.to, p.frame[0], err)
	}
	crypto.VerifyAll(w.scheme, []crypto.Unverified[consensus.Message]{u}, func(_ int, v crypto.Verified[consensus.Message]) {
		w.step(p.host, consensus.Received{From: p.from, Message: v})
	}, func(int) { w.t.Fatalf("r%d sent r%d a bad signature in type %d", p.from, p.to, p.frame[0]) })
}

// submit lets the present primary propose a batch.
func (w *network) submit(name string) bool {
	for _, h := range w.hosts {
		if h.halted == "" && h.engine.Room() > 0 {
			w.submitTo(h, name)
			return true
		}
	}
	return false
}

func (w *network) submitTo(h *host, name string) {
	b := batchOf(w.group, w.scheme, name, w.now)
	w.batches[b.Digest] = b
	w.step(h, consensus.Submitted{Batch: b})
}

const tickPause = 50 * time.Millisecond

func (w *network) tick(d time.Duration) {
	for passed := time.Duration(0); passed < d; passed += tickPause {
		w.now = w.now.Add(tickPause)
		for _, h := range w.hosts {
			w.step(h, consensus.Tick{Now: w.now})
		}
		w.run()
	}
}
