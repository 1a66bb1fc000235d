package sim

import (
	"math/rand/v2"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/simsig"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// Config is a world before it starts.
type Config struct {
	Seed       uint64
	Replicas   int // 1, or 4 to consensus.ReplicasMax
	Clients    int
	App        func() statemachine.Application // nil means the key-value service
	Parameters consensus.Parameters            // zero means SmallParameters
	Timeout    time.Duration                   // base time-out of the engines; 0 means 1 s
	Tick       time.Duration                   // interval of the replicas' ticks; 0 means 20 ms, as in the real replica
	Scheme     crypto.Scheme                   // nil means simulated signatures

	DelayMin, DelayMax time.Duration // of a frame
	Loss               float64       // share of frames that are lost, 0 to 1
	Duplication        float64       // share of frames that come twice
	Ordered            bool          // frames of one channel do not overtake each other
	SyncMax            time.Duration // how long a sync or a flush takes at most

	Observe func(Event) // called with all that happens, if set
}

// Clock is a replica's clock: real time passes as the world's does, this one runs
// ahead by Offset at the beginning and gains Drift millionths since.
type Clock struct {
	Offset time.Duration
	Drift  int64
}

// SmallParameters are limits that reach checkpoints, snapshots and full windows
// within seconds.
func SmallParameters() consensus.Parameters {
	p := consensus.DefaultParameters()
	p.CheckpointInterval, p.Window, p.SnapshotInterval = 4, 16, 2
	return p
}

// tickInterval is that of the real replica.
const tickInterval = 20 * time.Millisecond

func (c *Config) complete() {
	if c.App == nil {
		c.App = kv.New
	}
	if c.Parameters == (consensus.Parameters{}) {
		c.Parameters = SmallParameters()
	}
	if c.Timeout == 0 {
		c.Timeout = time.Second
	}
	if c.Tick == 0 {
		c.Tick = tickInterval
	}
	if c.Scheme == nil {
		c.Scheme = simsig.New()
	}
	if c.DelayMax == 0 {
		c.DelayMin, c.DelayMax = 100*time.Microsecond, 2*time.Millisecond
	}
	if c.SyncMax == 0 {
		c.SyncMax = 2 * time.Millisecond
	}
}

func (c *Config) conditions() Conditions {
	return Conditions{
		DelayMin: c.DelayMin, DelayMax: c.DelayMax, Loss: c.Loss, Duplication: c.Duplication, Ordered: c.Ordered,
	}
}

// A stream is a source of chance of its own.
type stream uint32

const (
	streamPlan stream = iota + 1
	streamWorld
	streamReplica
	streamChannel
	streamClient
	streamWorkload
)

func (c *Config) stream(s stream, i int) *rand.Rand {
	return rand.New(rand.NewPCG(c.Seed, uint64(s)<<32|uint64(i)))
}

// epoch is when every world begins; the value means nothing.
var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// genesis is the group of a world, with the signers of all parties.
func (c *Config) genesis() (g *consensus.Group, replicas, clients []crypto.Signer, err error) {
	seed := func(kind, i int) crypto.Seed {
		return crypto.Seed(crypto.Hash(crypto.KindConfiguration, []byte{byte(kind), byte(i), byte(i >> 8)}))
	}
	genesis := consensus.Genesis{
		Name: "sim", Engine: "pbft", Faults: consensus.QuorumsOf(c.Replicas).F, Parameters: c.Parameters,
	}
	for i := range c.Replicas {
		s := c.Scheme.NewSigner(seed(1, i))
		replicas = append(replicas, s)
		genesis.Replicas = append(genesis.Replicas, consensus.Member{
			Name: replicaName(i), Key: s.Public(), Transport: c.Scheme.NewSigner(seed(2, i)).Public(),
		})
	}
	for i := range c.Clients {
		s := c.Scheme.NewSigner(seed(3, i))
		clients = append(clients, s)
		genesis.Clients = append(genesis.Clients, consensus.Enrolment{
			Name: clientName(i), Client: consensus.ClientID(s.Public()), Transport: c.Scheme.NewSigner(seed(4, i)).Public(),
			Operator: i == 0,
		})
	}
	g, err = consensus.NewGroup(genesis, c.Scheme)
	return g, replicas, clients, err
}
