package main

import (
	"sync"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/sim/adversary"
)

// seed makes a liar lie alike in every run.
const seed = 7

// mouth puts an adversary between a replica and the others. Frames of several
// goroutines pass it one at a time.
func mouth(name string) func(*consensus.Group, consensus.ReplicaID, crypto.Signer) func(consensus.ReplicaID, []byte) [][]byte {
	return func(g *consensus.Group, self consensus.ReplicaID, signer crypto.Signer) func(consensus.ReplicaID, []byte) [][]byte {
		behaviour := adversary.New(name)(sim.Outside(g, self, signer, seed))
		var mu sync.Mutex
		return func(to consensus.ReplicaID, frame []byte) [][]byte {
			mu.Lock()
			defer mu.Unlock()
			return behaviour.Say(to, frame)
		}
	}
}
