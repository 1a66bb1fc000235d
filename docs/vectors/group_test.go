package vectors_test

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// The group of all vectors: four replicas, a client and an operator, whose seeds
// are one byte repeated 32 times: 0x10 + i signs for replica i and 0x20 + i is its
// transport seed; 0x30 and 0x31 are the client's, 0x40 and 0x41 the operator's.
// A checkpoint at every second sequence number keeps the vectors short.
var (
	group   = makeGroup()
	signers = []crypto.Signer{signer(0x10), signer(0x11), signer(0x12), signer(0x13)}
	user    = signer(0x30)
	admin   = signer(0x40)
	epoch   = time.Unix(1_700_000_000, 0)
)

func seed(b byte) (s crypto.Seed) {
	copy(s[:], bytes.Repeat([]byte{b}, len(s)))
	return s
}

func signer(b byte) crypto.Signer { return crypto.Ed25519.NewSigner(seed(b)) }

func makeGroup() *consensus.Group {
	p := consensus.DefaultParameters()
	p.CheckpointInterval, p.Window, p.SnapshotInterval = 2, 4, 1
	g := consensus.Genesis{Name: "vectors", Engine: "pbft", Faults: 1, Parameters: p}
	for i := range 4 {
		g.Replicas = append(g.Replicas, consensus.Member{
			Name: "r" + string(rune('0'+i)), Key: signer(0x10 + byte(i)).Public(), Transport: signer(0x20 + byte(i)).Public(),
		})
	}
	g.Clients = []consensus.Enrolment{
		{Name: "client", Client: consensus.ClientID(signer(0x30).Public()), Transport: signer(0x31).Public()},
		{Name: "operator", Client: consensus.ClientID(signer(0x40).Public()), Transport: signer(0x41).Public(), Operator: true},
	}
	out, err := consensus.NewGroup(g, crypto.Ed25519)
	if err != nil {
		panic(err)
	}
	return out
}

// genesisBytes writes what the group id is the hash of (kind 1).
func genesisBytes() []byte {
	var b []byte
	text := func(s string) { b = append(append(b, byte(len(s))), s...) }
	g := &group.Genesis
	text(g.Name)
	text(g.Engine)
	b = binary.BigEndian.AppendUint32(b, uint32(g.Faults))
	b = binary.BigEndian.AppendUint32(b, uint32(len(g.Replicas)))
	for _, m := range g.Replicas {
		text(m.Name)
		b = append(append(b, m.Key[:]...), m.Transport[:]...)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(g.Clients)))
	for _, c := range g.Clients {
		text(c.Name)
		b = append(append(b, c.Client[:]...), c.Transport[:]...)
		b = append(b, map[bool]byte{true: 1}[c.Operator])
	}
	p := &g.Parameters
	for _, n := range []uint64{
		p.CheckpointInterval, p.Window, p.SnapshotInterval, p.BatchBytesMax, p.BatchRequestsMax, p.RequestBytesMax,
		p.RequestOperationsMax, p.KeyBytesMax, p.ValueBytesMax, p.ResultBytesMax, p.WriteSetBytesMax, p.ReadsMax,
		p.SessionWindow, p.SessionsPerClient, p.SessionBytesMax, p.ClientsMax, uint64(p.DriftMax),
	} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

func operations(timestamp consensus.Timestamp, ops ...[]byte) *consensus.Request {
	return consensus.SignRequest(consensus.Request{
		Kind: consensus.KindOperations, Session: 7, Timestamp: timestamp, Done: timestamp - 1, Operations: ops,
	}, group.Domain(), user)
}

// The requests and batches that everything else is about.
var (
	openSession = consensus.SignRequest(consensus.Request{Kind: consensus.KindOpenSession, Session: 7}, group.Domain(), user)
	putTwice    = operations(1, kv.Put([]byte("colour"), []byte("green")), kv.Put([]byte("shape"), []byte("round")))
	getAndIncr  = operations(2, kv.Get([]byte("colour")), kv.Increment([]byte("visits"), 3), kv.Delete([]byte("shape")))

	batches = []*consensus.Batch{
		batch(1, openSession),
		batch(2, putTwice),
		batch(3, getAndIncr),
		batch(4, operations(3, kv.Get([]byte("visits")))),
		batch(5, operations(4, kv.Get([]byte("shape")))),
	}
)

func batch(second int64, requests ...*consensus.Request) *consensus.Batch {
	at := consensus.Time(epoch.UnixNano() + second*int64(time.Second))
	return consensus.NewBatch(at, requests)
}

// originBytes writes what names a snapshot of the group as the origin of another.
func originBytes(s wire.Snapshot) []byte {
	b := append([]byte(nil), group.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(group.Epoch))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Sequence))
	b = append(b, s.Chain[:]...)
	return append(b, s.Root[:]...)
}
