package replica_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/keyfile"
	"github.com/varangian-bft/varangian/network"
	"github.com/varangian-bft/varangian/replica"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// A group is a group of replicas in this process, over real sockets and disks.
type group struct {
	t       testing.TB
	folder  string
	group   *consensus.Group
	remotes []network.Remote
	keys    []keyfile.Keys
	client  keyfile.Keys
	stop    []context.CancelFunc
	ended   []chan error
	replica []*replica.Replica
	logger  *slog.Logger
	scrub   int // keys in a second, of replicas that start
}

func generate(t testing.TB) keyfile.Keys {
	t.Helper()
	k, err := keyfile.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// freeAddress returns an address for a replica that may stop and start again. Its port
// is none of those that a kernel gives to outgoing connections, one of which would take
// it while the replica is down.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		port := 10_000 + mathrand.IntN(20_000)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port)
		}
	}
	t.Fatal("no port is free")
	return ""
}

// newGroup runs a group.
func newGroup(t testing.TB, n int, p consensus.Parameters) *group {
	t.Helper()
	g := layOut(t, n, p)
	for i := range n {
		g.start(i)
	}
	t.Cleanup(func() {
		for i := range n {
			g.end(i)
		}
	})
	return g
}

// layOut makes a group of which no replica runs yet. changes edit its genesis.
func layOut(t testing.TB, n int, p consensus.Parameters, changes ...func(*consensus.Genesis)) *group {
	t.Helper()
	g := &group{
		t: t, folder: t.TempDir(), client: generate(t), stop: make([]context.CancelFunc, n),
		ended: make([]chan error, n), replica: make([]*replica.Replica, n),
	}
	genesis := consensus.Genesis{Name: "test", Engine: "pbft", Faults: consensus.QuorumsOf(n).F, Parameters: p}
	for i := range n {
		k := generate(t)
		g.keys = append(g.keys, k)
		genesis.Replicas = append(genesis.Replicas, consensus.Member{
			Name: fmt.Sprintf("r%d", i), Key: k.Public().Signing, Transport: k.Public().Transport,
		})
		g.remotes = append(g.remotes, network.Remote{
			ID: consensus.ReplicaID(i), Transport: k.Public().Transport, Address: freeAddress(t),
		})
	}
	genesis.Clients = []consensus.Enrolment{{
		Name: "c0", Client: consensus.ClientID(g.client.Public().Signing), Transport: g.client.Public().Transport, Operator: true,
	}}
	for _, change := range changes {
		change(&genesis)
	}
	var err error
	if g.group, err = consensus.NewGroup(genesis, crypto.Ed25519); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := replica.MarkNew(g.config(i).DataDir); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func (g *group) config(i int) replica.Config {
	cfg := replica.Config{
		Group: g.group, Keys: g.keys[i], DataDir: filepath.Join(g.folder, fmt.Sprintf("r%d", i)),
		Listen: g.remotes[i].Address, Remotes: g.remotes, SegmentBytes: 1 << 20, ScrubKeys: g.scrub, Logger: g.logger,
	}
	if testing.Verbose() {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("at", i)
	}
	return cfg
}

func (g *group) start(i int) {
	g.t.Helper()
	r, err := replica.New(g.config(i), kv.New())
	if err != nil {
		g.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	g.replica[i], g.stop[i], g.ended[i] = r, stop, make(chan error, 1)
	go func() { g.ended[i] <- r.Run(ctx) }()
}

// end stops a replica; it must leave without an error.
func (g *group) end(i int) {
	if g.stop[i] == nil {
		return
	}
	g.stop[i]()
	if err := <-g.ended[i]; err != nil {
		g.t.Errorf("r%d ended: %v", i, err)
	}
	g.stop[i] = nil
}

func (g *group) dial() *client.Client {
	g.t.Helper()
	c, err := client.Dial(g.t.Context(), client.Config{Group: g.group, Remotes: g.remotes, Keys: g.client})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(c.Close)
	return c
}

// precious stores values that a test can find in the bytes of a table.
func (g *group) precious() *client.Client {
	g.t.Helper()
	c := g.dial()
	for i := range 60 {
		invoke(g.t, c, kv.Put(fmt.Appendf(nil, "key-%d", i), fmt.Appendf(nil, "precious value %d.", i)))
	}
	return c
}

// alike waits until replicas 2 and 3 keep the same checkpoints of that.
func (g *group) alike() {
	g.t.Helper()
	await(g.t, "equal checkpoints", func() bool {
		a, b := g.replica[2].Status(), g.replica[3].Status()
		return a.Durable >= 56 && a.Durable == b.Durable && a.Snapshot == b.Snapshot && a.Snapshot >= 48
	})
}

func invoke(t testing.TB, c *client.Client, op []byte) client.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := c.Invoke(ctx, op)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestGroupServes(t *testing.T) {
	g := newGroup(t, 4, consensus.DefaultParameters())
	c := g.dial()
	start := time.Now()
	invoke(t, c, kv.Put([]byte("a"), []byte("1")))
	t.Log("first", time.Since(start))
	start = time.Now()
	for range 100 {
		invoke(t, c, kv.Put([]byte("a"), []byte("1")))
	}
	t.Log("each", time.Since(start)/100)
}
