package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/simsig"
)

// start is when tests begin; the value means nothing.
var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// A rig is a group with everybody's signers.
type rig struct {
	scheme   *simsig.Scheme
	group    *consensus.Group
	replicas []crypto.Signer
	clients  []crypto.Signer
}

func newRig(t testing.TB, n int, change func(*consensus.Parameters)) *rig {
	t.Helper()
	r := &rig{scheme: simsig.New()}
	g := consensus.Genesis{Name: "test", Engine: "pbft", Faults: consensus.QuorumsOf(n).F, Parameters: consensus.DefaultParameters()}
	g.Parameters.CheckpointInterval, g.Parameters.Window, g.Parameters.SnapshotInterval = 4, 16, 2
	if change != nil {
		change(&g.Parameters)
	}
	key := func(kind, i int) crypto.Signer { return r.scheme.NewSigner(crypto.Seed{byte(kind), byte(i)}) }
	for i := range n {
		r.replicas = append(r.replicas, key(1, i))
		g.Replicas = append(g.Replicas, consensus.Member{Name: fmt.Sprint("r", i), Key: key(1, i).Public(), Transport: key(2, i).Public()})
	}
	for i := range 3 {
		r.clients = append(r.clients, key(3, i))
		g.Clients = append(g.Clients, consensus.Enrolment{
			Name: fmt.Sprint("c", i), Client: consensus.ClientID(key(3, i).Public()), Transport: key(4, i).Public(), Operator: i == 0,
		})
	}
	var err error
	if r.group, err = consensus.NewGroup(g, r.scheme); err != nil {
		t.Fatal(err)
	}
	return r
}

// request returns a client's request with one operation.
func (r *rig) request(client int, ts consensus.Timestamp, op string) *consensus.Request {
	return consensus.SignRequest(consensus.Request{
		Kind: consensus.KindOperations, Session: 1, Timestamp: ts, Operations: [][]byte{[]byte(op)},
	}, r.group.Domain(), r.clients[client])
}

// verified returns a message whose checks hold.
func verified(m consensus.Message) (v crypto.Verified[consensus.Message]) {
	crypto.VerifyAll(simsig.New(), []crypto.Unverified[consensus.Message]{{Value: m}},
		func(_ int, m crypto.Verified[consensus.Message]) { v = m }, func(int) {})
	return v
}
