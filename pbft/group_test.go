package pbft

import (
	"fmt"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/simsig"
)

// startTime is when virtual groups start.
var startTime = time.Unix(1_700_000_000, 0)

// newGroup makes a group of n replicas with simulated signatures.
func newGroup(t testing.TB, n int, change func(*consensus.Parameters)) (*consensus.Group, []crypto.Signer, *simsig.Scheme) {
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

// batchOf makes a batch of one request.
func batchOf(g *consensus.Group, scheme *simsig.Scheme, name string, at time.Time) *consensus.Batch {
	r := consensus.SignRequest(consensus.Request{
		Kind: consensus.KindOperations, Session: 1, Timestamp: 1, Operations: [][]byte{[]byte(name)},
	}, g.Domain(), scheme.NewSigner(crypto.Seed{3}))
	return consensus.NewBatch(consensus.Time(at.UnixNano()), []*consensus.Request{r})
}

// A network runs a whole group: it syncs each log at once and delivers in order,
// but for what the drop function loses.
type network struct {
	t        testing.TB
	group    *consensus.Group
	signers  []crypto.Signer
	scheme   *simsig.Scheme
	codec    consensus.Codec
	engines  []*Engine
	effects  []consensus.Effects
	logs     [][]consensus.Record
	executed [][]crypto.Digest
	flushed  []consensus.Sequence
	batches  map[crypto.Digest]*consensus.Batch
	queue    []packet
	now      time.Time
	drop     func(packet) bool
	halted   []string
	reports  []consensus.Evidence
}

type packet struct {
	from, to consensus.ReplicaID
	frame    []byte
}

func newNetwork(t testing.TB, n int, change func(*consensus.Parameters)) *network {
	g, signers, scheme := newGroup(t, n, change)
	w := &network{
		t: t, group: g, signers: signers, scheme: scheme, codec: NewCodec(g),
		engines: make([]*Engine, n), effects: make([]consensus.Effects, n), logs: make([][]consensus.Record, n),
		executed: make([][]crypto.Digest, n), flushed: make([]consensus.Sequence, n),
		batches: map[crypto.Digest]*consensus.Batch{}, now: startTime, halted: make([]string, n),
	}
	for i := range n {
		w.start(i)
	}
	w.run()
	return w
}

// start gives a replica a new engine and its log.
func (w *network) start(i int) {
	w.engines[i] = New(Config{Group: w.group, Self: consensus.ReplicaID(i), Signer: w.signers[i]})
	w.effects[i] = consensus.Effects{}
	for _, r := range w.logs[i] {
		if err := w.engines[i].Replay(r); err != nil {
			w.t.Fatal(err)
		}
	}
	w.executed[i] = w.executed[i][:w.flushed[i]]
	w.step(i, consensus.Started{Executed: w.flushed[i], Chain: w.chain(i, w.flushed[i])})
	w.step(i, consensus.Tick{Now: w.now})
}

// chain is a digest of everything executed up to a sequence.
func (w *network) chain(i int, n consensus.Sequence) (d crypto.Digest) {
	for _, b := range w.executed[i][:n] {
		d = crypto.Hash(crypto.KindChain, d[:], b[:])
	}
	return d
}

func (w *network) step(i int, ev consensus.Event) {
	if w.halted[i] != "" {
		return
	}
	out := &w.effects[i]
	out.Reset()
	w.engines[i].Step(ev, out)
	var follow []consensus.Event
	if len(out.Persist) > 0 {
		w.logs[i] = append(w.logs[i], out.Persist...)
		follow = append(follow, consensus.Persisted{Through: out.Next - 1})
	}
	for _, x := range out.Execute {
		if int(x.Sequence) != len(w.executed[i])+1 {
			w.t.Fatalf("r%d executes %d after %d (R40)", i, x.Sequence, len(w.executed[i]))
		}
		w.executed[i] = append(w.executed[i], x.Batch.Digest)
		follow = append(follow, consensus.Executed{Sequence: x.Sequence})
		if uint64(x.Sequence)%w.group.Genesis.Parameters.CheckpointInterval == 0 {
			w.flushed[i] = x.Sequence
			follow = append(follow, consensus.Flushed{Sequence: x.Sequence, Chain: w.chain(i, x.Sequence)})
		}
	}
	for _, f := range out.Fetch {
		if b := w.batches[f.Digest]; b != nil {
			follow = append(follow, consensus.Completed{Batch: b})
		}
	}
	if len(out.Halt) > 0 {
		w.halted[i] = out.Halt[0].Reason
		return
	}
	w.reports = append(w.reports, out.Report...)
	for _, s := range out.Send {
		for to := range w.engines {
			if to != i && (s.To == consensus.Everyone || s.To == consensus.ReplicaID(to)) {
				w.queue = append(w.queue, packet{consensus.ReplicaID(i), consensus.ReplicaID(to), s.Frame})
			}
		}
	}
	for _, c := range out.Behind {
		w.install(i, c.Sequence)
		follow = append(follow, consensus.Installed{Sequence: c.Sequence, Chain: c.Chain})
	}
	for _, f := range follow {
		w.step(i, f)
	}
}

// install copies the state of another replica.
func (w *network) install(i int, n consensus.Sequence) {
	for j := range w.executed {
		if len(w.executed[j]) >= int(n) && j != i {
			w.executed[i] = append([]crypto.Digest(nil), w.executed[j][:n]...)
			w.flushed[i] = n
			return
		}
	}
	w.t.Fatal("nobody has the state")
}

func (w *network) run() {
	for len(w.queue) > 0 {
		p := w.queue[0]
		w.queue = w.queue[1:]
		if w.drop != nil && w.drop(p) {
			continue
		}
		w.deliver(p)
	}
}

func (w *network) deliver(p packet) {
	st := w.engines[p.to].Status()
	u, err := w.codec.Decode(p.frame, consensus.Hint{View: st.View, Low: st.Low, High: st.High})
	if err == consensus.ErrStale {
		return
	}
	if err != nil {
		w.t.Fatalf("r%d sent r%d a frame of type %d: %v", p.from, p.to, p.frame[0], err)
	}
	crypto.VerifyAll[consensus.Message](w.scheme, []crypto.Unverified[consensus.Message]{u}, func(_ int, v crypto.Verified[consensus.Message]) {
		w.step(int(p.to), consensus.Received{From: p.from, Message: v})
	}, func(int) { w.t.Fatalf("r%d sent r%d a bad signature in type %d", p.from, p.to, p.frame[0]) })
}

// submit lets the present primary propose a batch.
func (w *network) submit(name string) bool {
	for i, e := range w.engines {
		if w.halted[i] == "" && e.Room() > 0 {
			b := batchOf(w.group, w.scheme, name, w.now)
			w.batches[b.Digest] = b
			w.step(i, consensus.Submitted{Batch: b})
			return true
		}
	}
	return false
}

func (w *network) tick(d time.Duration) {
	for passed := time.Duration(0); passed < d; passed += 50 * time.Millisecond {
		w.now = w.now.Add(50 * time.Millisecond)
		for i := range w.engines {
			w.step(i, consensus.Tick{Now: w.now})
		}
		w.run()
	}
}
