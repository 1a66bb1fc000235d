package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/groupfile"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/network"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/statemachine/kv"
	"github.com/varangian-bft/varangian/store/memory"
)

// An oracle is what the replicas of a group without faults agree on: one machine
// that executes what comes first. It stands in for the protocol, so that these
// tests are about the client alone; connections and execution are the real ones.
type oracle struct {
	group    *consensus.Group
	mu       sync.Mutex
	machine  *statemachine.Machine
	outcomes map[crypto.Digest]statemachine.Outcome
}

// A replica answers clients with what the oracle says.
type replica struct {
	*oracle
	signer crypto.Signer
	name   string
	ready  chan struct{} // closed once host is set
	host   *network.Host
}

// startGroup runs the replicas of a group file and gives them their addresses.
func startGroup(f *groupfile.File) (stop func(), err error) {
	o := &oracle{outcomes: map[crypto.Digest]statemachine.Outcome{}}
	if o.group, err = f.Group(crypto.Ed25519); err != nil {
		return nil, err
	}
	if o.machine, err = statemachine.NewMachine(kv.New(), o.group, memory.New()); err != nil {
		return nil, err
	}
	var remotes []network.Remote
	for _, r := range f.Remotes() {
		remotes = append(remotes, network.Remote{ID: r.ID, Transport: r.Transport, Address: r.Address})
	}
	var hosts []*network.Host
	stop = func() {
		for _, h := range hosts {
			_ = h.Close()
		}
	}
	for i := range f.Replicas {
		r := &replica{oracle: o, signer: crypto.Ed25519.NewSigner(seed(1, byte(i))), name: f.Replicas[i].Name, ready: make(chan struct{})}
		r.host, err = network.Listen(network.Config{
			Seed: seed(2, byte(i)), Group: o.group.ID, Self: consensus.ReplicaID(i), Listen: "/ip4/127.0.0.1/tcp/0",
			Replicas: remotes, Clients: o.group.Genesis.Clients, Limits: network.LimitsFor(&f.Parameters),
		}, r)
		if err != nil {
			stop()
			return nil, err
		}
		close(r.ready)
		hosts = append(hosts, r.host)
		f.Replicas[i].Address = r.host.Addr()
	}
	return stop, nil
}

func (r *replica) FromClient(conn network.ConnID, _ consensus.ClientID, frame []byte) {
	<-r.ready
	switch wire.Type(frame) {
	case wire.TypeStatusQuery:
		r.host.Reply(conn, wire.StatusAnswerFrame(fmt.Appendf(nil, `{"name":%q,"view":3,"primary":"r3","waiting":"for\nnothing"}`, r.name)))
	case consensus.TypeRequest:
		u, err := consensus.DecodeRequest(frame[1:], r.group)
		if err != nil {
			r.host.CutOffClient(conn)
			return
		}
		crypto.VerifyAll(crypto.Ed25519, []crypto.Unverified[*consensus.Request]{u},
			func(_ int, q crypto.Verified[*consensus.Request]) {
				if ops := q.Value().Operations; len(ops) == 0 || !bytes.Contains(ops[0], []byte("mute")) {
					r.host.Reply(conn, r.reply(q.Value()))
				}
			},
			func(int) { r.host.CutOffClient(conn) })
	}
}

func (r *replica) reply(q *consensus.Request) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	out, ok := r.outcomes[q.Digest()]
	if !ok {
		x, err := r.machine.Execute(consensus.NewBatch(1, []*consensus.Request{q}), r.machine.Executed()+1)
		if err != nil {
			panic(err)
		}
		out = x.Outcomes[0]
		r.outcomes[q.Digest()] = out
	}
	tree := crypto.NewMerkleTree([]crypto.Digest{out.Leaf.Hash()})
	return wire.Reply{
		Root: tree.Root(), Signature: r.signer.Sign(consensus.ReceiptStatement(r.group, tree.Root())),
		Entries: []wire.ReplyEntry{{Leaf: out.Leaf, Path: tree.Path(0), Results: out.Results}},
	}.Marshal()
}

func (*replica) FromReplica(consensus.ReplicaID, consensus.Class, []byte) {}
func (*replica) ReplicaUp(consensus.ReplicaID)                            {}
func (*replica) ReplicaDown(consensus.ReplicaID)                          {}
func (*replica) ClientGone(network.ConnID)                                {}

// live starts the group and writes its file.
func live(dir string, f *groupfile.File) (stop func(), err error) {
	stop, err = startGroup(f)
	if err == nil {
		err = groupfile.Write(filepath.Join(dir, "live.toml"), f)
	}
	return stop, err
}
