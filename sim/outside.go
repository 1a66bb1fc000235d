package sim

import (
	"math/rand/v2"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// Outside returns what a Behaviour has at hand around a replica that is not in a
// World but real: group, key and a source of chance. Only Say may be used of the
// Behaviour: nothing that it sends by itself or later arrives anywhere.
func Outside(g *consensus.Group, self consensus.ReplicaID, signer crypto.Signer, seed uint64) *Faulty {
	w := &World{group: g, rng: rand.New(rand.NewPCG(seed, 1))}
	return &Faulty{world: w, replica: &Replica{world: w, id: self, signer: signer}}
}
