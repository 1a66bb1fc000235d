package consensus_test

import (
	"fmt"
	"math/bits"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/simsig"
)

// A rig is a group with everybody's signers.
type rig struct {
	scheme   *simsig.Scheme
	genesis  consensus.Genesis
	group    *consensus.Group
	replicas []crypto.Signer
	client   crypto.Signer
}

func newRig(t testing.TB, n int) *rig {
	t.Helper()
	r := &rig{scheme: simsig.New()}
	r.genesis = consensus.Genesis{Name: "test", Engine: "pbft", Faults: consensus.QuorumsOf(n).F, Parameters: consensus.DefaultParameters()}
	p := &r.genesis.Parameters
	p.RequestBytesMax, p.BatchBytesMax, p.BatchRequestsMax, p.RequestOperationsMax = 1024, 2048, 4, 3
	key := func(kind, i int) crypto.PublicKey {
		return r.scheme.NewSigner(crypto.Seed{byte(kind), byte(i)}).Public()
	}
	for i := range n {
		r.replicas = append(r.replicas, r.scheme.NewSigner(crypto.Seed{1, byte(i)}))
		r.genesis.Replicas = append(r.genesis.Replicas, consensus.Member{Name: fmt.Sprint("r", i), Key: key(1, i), Transport: key(2, i)})
	}
	r.client = r.scheme.NewSigner(crypto.Seed{3})
	for i := range 2 {
		r.genesis.Clients = append(r.genesis.Clients, consensus.Enrolment{Name: fmt.Sprint("c", i), Client: consensus.ClientID(key(3, i)), Transport: key(4, i)})
	}
	var err error
	if r.group, err = consensus.NewGroup(r.genesis, r.scheme); err != nil {
		t.Fatal(err)
	}
	return r
}

// R1: any two quorums meet in f+1 replicas, by brute force over how two sets of that
// size can lie; a quorum is there although f are silent, and none is smaller than it
// has to be.
func TestQuorums(t *testing.T) {
	for n := 4; n <= 40; n++ {
		q := consensus.QuorumsOf(n)
		if q.N != n || q.F != (n-1)/3 || q.Weak != q.F+1 {
			t.Errorf("n=%d: %+v", n, q)
		}
		least := func(size int) int { return max(0, 2*size-n) } // of two sets of that size among n
		if least(q.Quorum) < q.F+1 || least(q.Quorum-1) >= q.F+1 || q.Quorum > n-q.F {
			t.Errorf("n=%d: quorum %d, f=%d", n, q.Quorum, q.F)
		}
		if n > 10 {
			continue
		}
		for a := range 1 << n {
			if bits.OnesCount(uint(a)) != q.Quorum {
				continue
			}
			for b := range 1 << n {
				if bits.OnesCount(uint(b)) == q.Quorum && bits.OnesCount(uint(a&b)) < q.F+1 {
					t.Fatalf("n=%d: quorums %b and %b meet in too few", n, a, b)
				}
			}
		}
	}
	if q := consensus.QuorumsOf(1); q.F != 0 || q.Quorum != 1 || q.Weak != 1 {
		t.Errorf("n=1: %+v", q)
	}
}

// R1, R4, R12: what is no group.
func TestNewGroupRefuses(t *testing.T) {
	r := newRig(t, 4)
	for name, change := range map[string]func(*consensus.Genesis){
		"another engine": func(g *consensus.Genesis) { g.Engine = "raft" },
		"no replica":     func(g *consensus.Genesis) { g.Replicas, g.Faults = nil, 0 },
		"two replicas":   func(g *consensus.Genesis) { g.Replicas, g.Faults = g.Replicas[:2], 0 },
		"three replicas": func(g *consensus.Genesis) { g.Replicas, g.Faults = g.Replicas[:3], 0 },
		"too many replicas": func(g *consensus.Genesis) {
			g.Replicas = make([]consensus.Member, consensus.ReplicasMax+1)
			g.Faults = 21
		},
		"too many faults":            func(g *consensus.Genesis) { g.Faults = 2 },
		"too few faults":             func(g *consensus.Genesis) { g.Faults = 0 },
		"negative faults":            func(g *consensus.Genesis) { g.Faults = -1 },
		"no name":                    func(g *consensus.Genesis) { g.Name = "" },
		"a long name":                func(g *consensus.Genesis) { g.Name = string(make([]byte, 65)) },
		"a replica without name":     func(g *consensus.Genesis) { g.Replicas[1].Name = "" },
		"a client with a long name":  func(g *consensus.Genesis) { g.Clients[1].Name = string(make([]byte, 300)) },
		"two clients of one name":    func(g *consensus.Genesis) { g.Clients[1].Name = g.Clients[0].Name },
		"one key twice":              func(g *consensus.Genesis) { g.Replicas[1].Key = g.Replicas[0].Key },
		"one key for two uses":       func(g *consensus.Genesis) { g.Replicas[1].Key = g.Replicas[1].Transport },
		"a client with a replica's":  func(g *consensus.Genesis) { g.Clients[0].Client = consensus.ClientID(g.Replicas[0].Key) },
		"a client's transport twice": func(g *consensus.Genesis) { g.Clients[0].Transport = g.Clients[1].Transport },
		"a key that is none":         func(g *consensus.Genesis) { g.Clients[0].Transport = crypto.PublicKey{} },
		"more clients than may be":   func(g *consensus.Genesis) { g.Parameters.ClientsMax = 1 },
		"parameters":                 func(g *consensus.Genesis) { g.Parameters.Window = 130 },
	} {
		g := r.genesis
		g.Replicas = append([]consensus.Member(nil), g.Replicas...)
		g.Clients = append([]consensus.Enrolment(nil), g.Clients...)
		change(&g)
		if _, err := consensus.NewGroup(g, r.scheme); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if newRig(t, 1).group.Quorum != 1 {
		t.Error("one replica alone is no group")
	}
}

// R8: every part of the genesis configuration is part of the group id.
func TestGroupID(t *testing.T) {
	r := newRig(t, 4)
	ids := map[crypto.Digest]string{r.group.ID: "the group"}
	for name, change := range map[string]func(*consensus.Genesis){
		"name":       func(g *consensus.Genesis) { g.Name = "other" },
		"replica":    func(g *consensus.Genesis) { g.Replicas[0].Name = "x" },
		"order":      func(g *consensus.Genesis) { g.Replicas[0], g.Replicas[1] = g.Replicas[1], g.Replicas[0] },
		"client":     func(g *consensus.Genesis) { g.Clients[0].Name = "x" },
		"operator":   func(g *consensus.Genesis) { g.Clients[0].Operator = true },
		"no client":  func(g *consensus.Genesis) { g.Clients = g.Clients[:1] },
		"parameters": func(g *consensus.Genesis) { g.Parameters.ReadsMax++ },
		"drift":      func(g *consensus.Genesis) { g.Parameters.DriftMax++ },
	} {
		g := r.genesis
		g.Replicas = append([]consensus.Member(nil), g.Replicas...)
		g.Clients = append([]consensus.Enrolment(nil), g.Clients...)
		change(&g)
		other, err := consensus.NewGroup(g, r.scheme)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if same, ok := ids[other.ID]; ok {
			t.Errorf("another %s has the id of %s", name, same)
		}
		ids[other.ID] = name
	}
}

// R4, R5: primaries go round; what is outside of the membership is nobody.
func TestMembers(t *testing.T) {
	g := newRig(t, 5).group
	for v, want := range map[consensus.ViewNumber]consensus.ReplicaID{0: 0, 4: 4, 5: 0, 1<<64 - 1: 0} {
		if got := g.Primary(v); got != want {
			t.Errorf("primary of view %d is %d", v, got)
		}
	}
	for _, id := range []consensus.ReplicaID{5, 1 << 31, consensus.Everyone} {
		if _, ok := g.Member(id); ok {
			t.Errorf("replica %d is a member", id)
		}
	}
}

// R48, R108: ranges of the parameters, at their edges.
func TestParameters(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*consensus.Parameters)
		ok     bool
	}{
		"default":                 {func(*consensus.Parameters) {}, true},
		"L = 2K (R48)":            {func(p *consensus.Parameters) { p.Window = 2 * p.CheckpointInterval }, true},
		"L < 2K":                  {func(p *consensus.Parameters) { p.Window = p.CheckpointInterval }, false},
		"L no multiple of K":      {func(p *consensus.Parameters) { p.Window++ }, false},
		"K = 0":                   {func(p *consensus.Parameters) { p.CheckpointInterval = 0 }, false},
		"K = 1":                   {func(p *consensus.Parameters) { p.CheckpointInterval = 1 }, true},
		"a huge K":                {func(p *consensus.Parameters) { p.CheckpointInterval = 1 << 63 }, false},
		"a request over a batch":  {func(p *consensus.Parameters) { p.RequestBytesMax = p.BatchBytesMax + 1 }, false},
		"negative drift":          {func(p *consensus.Parameters) { p.DriftMax = -time.Second }, false},
		"no drift":                {func(p *consensus.Parameters) { p.DriftMax = 0 }, false},
		"no window of a session":  {func(p *consensus.Parameters) { p.SessionWindow = 0 }, false},
		"a session over a value":  {func(p *consensus.Parameters) { p.SessionBytesMax = 1 << 20 }, false},
		"no client":               {func(p *consensus.Parameters) { p.ClientsMax = 0 }, false},
		"results kept for nobody": {func(p *consensus.Parameters) { p.SessionBytesMax = 0 }, true},
	} {
		p := consensus.DefaultParameters()
		c.change(&p)
		if err := p.Validate(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// R16: an enrolment has one encoding.
func TestEnrolment(t *testing.T) {
	e := newRig(t, 4).genesis.Clients[1]
	e.Operator = true
	var b cryptobyte.Builder
	e.Marshal(&b)
	encoded := b.BytesOrPanic()
	s := cryptobyte.String(encoded)
	if got, ok := consensus.ReadEnrolment(&s); !ok || got != e || !s.Empty() {
		t.Errorf("%+v was written, %+v read", e, got)
	}
	for n := range encoded {
		s := cryptobyte.String(encoded[:n])
		if _, ok := consensus.ReadEnrolment(&s); ok {
			t.Errorf("read from %d of its %d bytes", n, len(encoded))
		}
	}
	encoded[len(encoded)-1] = 2
	if s = encoded; func() bool { _, ok := consensus.ReadEnrolment(&s); return ok }() {
		t.Error("operator = 2 is accepted")
	}
}
