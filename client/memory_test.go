package client

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/keyfile"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/network"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A memory is a group of replicas in this process that agree without a protocol:
// what arrives first is executed first.
type memory struct {
	group   *consensus.Group
	signers []crypto.Signer
	handler Handler
	queues  []chan []byte
	quit    chan struct{}
	tasks   sync.WaitGroup

	mu       sync.Mutex
	state    []link // of each replica, as its connection
	silent   map[consensus.ReplicaID]bool
	outcomes map[crypto.Digest]consensus.Leaf
	results  map[crypto.Digest][]byte
	sequence consensus.Sequence
	requests []*consensus.Request
	cut      []consensus.ReplicaID
}

func seed(a, b byte) crypto.Seed { return crypto.Seed{a, b} }

func newMemory(t testing.TB, down ...consensus.ReplicaID) (*memory, Config) {
	m := &memory{
		quit: make(chan struct{}), silent: map[consensus.ReplicaID]bool{}, state: make([]link, 4),
		outcomes: map[crypto.Digest]consensus.Leaf{}, results: map[crypto.Digest][]byte{},
	}
	genesis := consensus.Genesis{Name: "g", Engine: "pbft", Faults: 1, Parameters: consensus.DefaultParameters()}
	for i := range byte(4) {
		k := crypto.Ed25519.NewSigner(seed(1, i))
		m.signers = append(m.signers, k)
		m.queues = append(m.queues, make(chan []byte, 4096))
		m.state[i].up = true
		genesis.Replicas = append(genesis.Replicas, consensus.Member{
			Name: fmt.Sprint("r", i), Key: k.Public(), Transport: crypto.Ed25519.NewSigner(seed(2, i)).Public(),
		})
	}
	for _, id := range down {
		m.state[id] = link{cause: &network.Error{Reason: network.ReasonDial}}
	}
	var err error
	if m.group, err = consensus.NewGroup(genesis, crypto.Ed25519); err != nil {
		t.Fatal(err)
	}
	return m, Config{Group: m.group, Keys: keyfile.Keys{Signing: seed(3, 0), Transport: seed(4, 0)}}
}

func (m *memory) dial(t testing.TB, cfg Config, opts ...Option) *Client {
	t.Helper()
	opts = append(opts, WithTransport(crypto.Ed25519, func(h Handler) (Transport, error) {
		m.handler = h
		for i := range m.queues {
			m.tasks.Go(func() { m.serve(consensus.ReplicaID(i)) })
		}
		return m, nil
	}))
	c, err := Dial(context.Background(), cfg, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (m *memory) Send(to consensus.ReplicaID, frame []byte) bool {
	m.mu.Lock()
	up := m.state[to].up
	m.mu.Unlock()
	if !up {
		return false
	}
	select {
	case m.queues[to] <- frame:
		return true
	default:
		return false
	}
}

func (m *memory) CutOff(id consensus.ReplicaID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut = append(m.cut, id)
}

func (m *memory) Close() {
	close(m.quit)
	m.tasks.Wait()
}

func (m *memory) serve(id consensus.ReplicaID) {
	m.mu.Lock()
	state := m.state[id]
	m.mu.Unlock()
	if state.up {
		m.handler.ReplicaUp(id)
	} else {
		m.handler.ReplicaDown(id, state.cause)
	}
	for {
		select {
		case <-m.quit:
			return
		case frame := <-m.queues[id]:
			if answer := m.answer(id, frame); answer != nil {
				m.handler.FromReplica(id, answer)
			}
		}
	}
}

func (m *memory) answer(id consensus.ReplicaID, frame []byte) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.silent[id] {
		return nil
	}
	if wire.Type(frame) == wire.TypeStatusQuery {
		return wire.StatusAnswerFrame(fmt.Appendf(nil, `{"replica":%d}`, id))
	}
	u, err := consensus.DecodeRequest(frame[1:], m.group)
	if err != nil {
		return []byte{0}
	}
	q := u.Value
	leaf, ok := m.outcomes[q.Digest()]
	if !ok {
		m.sequence++
		m.requests = append(m.requests, q)
		encoded := consensus.MarshalResults(execute(q))
		leaf = consensus.Leaf{
			Client: q.Client, Session: q.Session, Timestamp: q.Timestamp, Request: q.Digest(),
			Sequence: m.sequence, Results: consensus.ResultsDigest(encoded),
		}
		m.outcomes[q.Digest()], m.results[q.Digest()] = leaf, encoded
	}
	if len(q.Operations) > 0 && string(q.Operations[0]) == "overload" {
		return wire.Refusal{Request: q.Digest(), Reason: wire.RefusedOverloaded}.Marshal()
	}
	tree := crypto.NewMerkleTree([]crypto.Digest{leaf.Hash()})
	return wire.Reply{
		Root: tree.Root(), Signature: m.signers[id].Sign(consensus.ReceiptStatement(m.group, tree.Root())),
		Entries: []wire.ReplyEntry{{Leaf: leaf, Path: tree.Path(0), Results: m.results[q.Digest()]}},
	}.Marshal()
}

func execute(q *consensus.Request) []consensus.Result {
	if q.Kind == consensus.KindOpenSession {
		return []consensus.Result{{Class: consensus.ResultOK}}
	}
	var out []consensus.Result
	for _, op := range q.Operations {
		r := consensus.Result{Class: consensus.ResultOK, Value: append([]byte("did "), op...)}
		if why, ok := strings.CutPrefix(string(op), "refuse "); ok {
			r = consensus.Result{Class: consensus.ResultError, Value: []byte(why)}
		}
		out = append(out, r)
	}
	return out
}
