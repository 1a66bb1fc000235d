package session

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/simsig"
	"github.com/varangian-bft/varangian/internal/wire"
)

// A rig is a session with hands on all replicas of its group.
type rig struct {
	fatalf   func(string, ...any)
	group    *consensus.Group
	signers  []crypto.Signer
	s        *Session
	now      time.Time
	out      Effects
	sent     []Outbound // by the last step
	requests []*consensus.Request
	done     map[OperationID]Completion
	sequence consensus.Sequence
	frames   map[string]bool
}

func newRig(fatalf func(string, ...any), n int, change func(*Config)) *rig {
	scheme := simsig.New()
	r := &rig{fatalf: fatalf, now: time.Unix(1000, 0), done: map[OperationID]Completion{}, frames: map[string]bool{}}
	genesis := consensus.Genesis{Name: "g", Engine: "pbft", Faults: consensus.QuorumsOf(n).F, Parameters: consensus.DefaultParameters()}
	genesis.Parameters.RequestOperationsMax = 8
	genesis.Parameters.SessionWindow = 16
	for i := range n {
		k := scheme.NewSigner(crypto.Seed{1, byte(i)})
		r.signers = append(r.signers, k)
		genesis.Replicas = append(genesis.Replicas, consensus.Member{
			Name: fmt.Sprint("r", i), Key: k.Public(), Transport: scheme.NewSigner(crypto.Seed{2, byte(i)}).Public(),
		})
	}
	var err error
	if r.group, err = consensus.NewGroup(genesis, scheme); err != nil {
		fatalf("%v", err)
	}
	cfg := Config{Group: r.group, Scheme: scheme, Signer: scheme.NewSigner(crypto.Seed{3}), Number: 100, RequestsMax: 4}
	if change != nil {
		change(&cfg)
	}
	r.s = New(cfg)
	r.step(Tick{r.now})
	return r
}

// step steps the session, and keeps what it said.
func (r *rig) step(ev Event) {
	r.out.Reset()
	r.s.Step(ev, &r.out)
	r.sent = append([]Outbound(nil), r.out.Send...)
	for _, o := range r.sent {
		if r.frames[string(o.Frame)] {
			continue
		}
		r.frames[string(o.Frame)] = true
		u, err := consensus.DecodeRequest(o.Frame[1:], r.group)
		if err != nil {
			r.fatalf("the session sent %x: %v", o.Frame, err)
		}
		valid := []bool{false}
		r.s.cfg.Scheme.Verify(u.Checks, valid)
		if !valid[0] {
			r.fatalf("the session sent a bad signature")
		}
		r.requests = append(r.requests, u.Value)
	}
	for _, c := range r.out.Complete {
		if _, twice := r.done[c.Operation]; twice {
			r.fatalf("operation %d is completed twice", c.Operation)
		}
		r.done[c.Operation] = c
	}
}

func (r *rig) pass(d time.Duration) {
	r.now = r.now.Add(d)
	r.step(Tick{r.now})
}

func (r *rig) submit(ids ...OperationID) {
	var ops []Operation
	for _, id := range ids {
		ops = append(ops, Operation{ID: id, Kind: consensus.KindOperations, Bytes: fmt.Append(nil, id)})
	}
	r.step(Submitted{ops})
}

// last returns the newest request, and fails if it is not the n-th.
func (r *rig) last(n int) *consensus.Request {
	if len(r.requests) != n {
		r.fatalf("%d requests were sent, want %d", len(r.requests), n)
	}
	return r.requests[n-1]
}

// An entry is what a replica says about a request before it is encoded.
type entry struct {
	leaf    consensus.Leaf
	results []byte
}

func executed(q *consensus.Request, sequence consensus.Sequence, results ...consensus.Result) entry {
	if results == nil {
		for _, op := range q.Operations {
			results = append(results, consensus.Result{Class: consensus.ResultOK, Value: append([]byte("did "), op...)})
		}
		if q.Operations == nil {
			results = []consensus.Result{{Class: consensus.ResultOK}}
		}
	}
	encoded := consensus.MarshalResults(results)
	return entry{consensus.Leaf{
		Client: q.Client, Session: q.Session, Timestamp: q.Timestamp, Request: q.Digest(),
		Sequence: sequence, Results: consensus.ResultsDigest(encoded),
	}, encoded}
}

// reply encodes what a replica says, under a root of its own: the roots of
// replicas need not agree (R28).
func (r *rig) reply(from consensus.ReplicaID, entries ...entry) wire.Reply {
	leaves := []crypto.Digest{crypto.Hash(crypto.KindLeaf, []byte{byte(from)})}
	for _, e := range entries {
		leaves = append(leaves, e.leaf.Hash())
	}
	tree := crypto.NewMerkleTree(leaves)
	m := wire.Reply{Root: tree.Root(), Signature: r.signers[from].Sign(consensus.ReceiptStatement(r.group, tree.Root()))}
	for i, e := range entries {
		m.Entries = append(m.Entries, wire.ReplyEntry{Leaf: e.leaf, Path: tree.Path(i + 1), Results: e.results})
	}
	return m
}

func (r *rig) say(from consensus.ReplicaID, entries ...entry) {
	r.step(Received{from, r.reply(from, entries...).Marshal()})
}

func (r *rig) refuse(from consensus.ReplicaID, q *consensus.Request, reason wire.RefusalReason) {
	r.step(Received{from, wire.Refusal{Request: q.Digest(), Reason: reason}.Marshal()})
}

// agree lets a weak quorum give these results.
func (r *rig) agree(q *consensus.Request, results ...consensus.Result) {
	r.sequence++
	for id := range r.group.Weak {
		r.say(consensus.ReplicaID(id), executed(q, r.sequence, results...))
	}
}

// opened is a rig of four replicas whose session is open.
func opened(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := newRig(t.Fatalf, 4, change)
	r.submit(1)
	r.agree(r.last(1))
	r.agree(r.last(2))
	if c := r.done[1]; c.Fate != Executed || !bytes.Equal(c.Result.Value, []byte("did 1")) {
		t.Fatalf("%+v", c)
	}
	return r
}

// ended fails unless an operation was completed so.
func (r *rig) ended(id OperationID, fate Fate, outcome Outcome) Completion {
	c, ok := r.done[id]
	if !ok || c.Fate != fate || c.Outcome != outcome {
		r.fatalf("operation %d: completed %v, fate %d outcome %d; want fate %d outcome %d", id, ok, c.Fate, c.Outcome, fate, outcome)
	}
	return c
}

func (r *rig) waits(id OperationID) {
	if c, ok := r.done[id]; ok {
		r.fatalf("operation %d is completed: %+v", id, c)
	}
}
