package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// A doubler asks one half of the replicas to add 1 and the other to add 100, under
// one timestamp.
type doubler struct {
	*sim.FaultyClient
	lies int
}

func (d *doubler) Tick() {}

func (d *doubler) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	r, err := consensus.DecodeRequest(frame[1:], d.Group())
	if err != nil || r.Value.Kind != consensus.KindOperations || to%2 == 0 {
		return [][]byte{frame}
	}
	d.lies++
	other := *r.Value
	other.Operations = [][]byte{kv.Increment([]byte("n"), 100)}
	signed := consensus.SignRequest(other, d.Group().Domain(), d.Signer())
	return [][]byte{append([]byte{byte(consensus.TypeRequest)}, signed.Encoding()...)}
}

// Two requests under one timestamp: a client that equivocates, or whose signature
// has a second valid form, makes replicas with different pools take each other's
// requests for duplicates, or execute both. Source: Castro and Liskov, OSDI '99,
// section 4.1; Chalkias, Garillot and Nikolaenko, Taming the many EdDSAs, 2020/1244.
//
// R11, R24, R25: whichever is ordered first executes, once, on all replicas alike;
// backups vote for it although their pools hold the other one.
func TestTwoRequests(t *testing.T) {
	r := begin(t, sim.Config{Seed: 19})
	var d *doubler
	r.CorruptClient(0, func(f *sim.FaultyClient) sim.ClientBehaviour {
		d = &doubler{FaultyClient: f}
		return d
	})
	for range 6 {
		r.Client(0).Invoke(kv.Increment([]byte("n"), 1), nil)
		r.increment(1)
		r.run(time.Second)
	}
	r.run(20 * time.Second)
	r.level(20 * time.Second)
	n := r.counter(1)
	if ones, hundreds := n%100-6, n/100; ones < 0 || ones+hundreds > 6 || ones+hundreds == 0 {
		t.Errorf("the counter is %d: more than one request under a timestamp was executed, or none at all", n)
	}
	if d.lies == 0 {
		t.Error("the client never equivocated")
	}
}
