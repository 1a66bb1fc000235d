package scenario_test

import (
	"strings"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/simsig"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/sim"
)

// A cloner has the key of another replica beside its own, as a second process from
// a copied directory has, and votes with it.
type cloner struct {
	sim.Honest
	*sim.Faulty
	victim pbft.Forger
}

func (c *cloner) Tick() {
	st := c.Status().Engine
	h := pbft.Header{View: st.View, Sequence: st.Ordered + 1, Batch: crypto.Hash(crypto.KindBatch, []byte("from the copy"))}
	c.Send(c.victim.Self, c.victim.Vote(pbft.TypePrepare, h))
}

// The cloned key: two validators with one key equivocate without knowing of each
// other; what they sign makes them look like liars, and some systems let them go on.
// Source: piplabs/story#323; Telcoin-Association/telcoin-network#391.
//
// R7, R92: a replica that is shown a vote of its own that its log does not hold
// signs nothing more, and says why, until it cannot contradict it. The others go on.
func TestClonedKey(t *testing.T) {
	scheme := simsig.New()
	r := begin(t, sim.Config{Seed: 20, Scheme: scheme})
	member, _ := r.Group().Member(2)
	signer := scheme.NewSigner(crypto.Seed(crypto.Hash(crypto.KindConfiguration, []byte{1, 2, 0})))
	if signer.Public() != member.Key {
		t.Fatal("the world makes its keys otherwise now: this is not the key of r2")
	}
	r.load(0, 5)
	r.serve(10 * time.Second)
	r.corruptBy(3, func(f *sim.Faulty) sim.Behaviour {
		return &cloner{Faulty: f, victim: pbft.Forger{Group: f.Group(), Self: 2, Signer: signer}}
	})
	r.load(0, 5)
	r.until(10*time.Second, "r2 recovers", func() bool {
		return strings.Contains(r.Replica(2).Status().Engine.Recovering, "the key is in use twice")
	})
	r.serve(10 * time.Second)
}
