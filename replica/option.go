package replica

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// An Option sets what few users of a Replica need.
type Option func(*Replica)

// A Say decides what leaves a replica in the place of a frame for one receiver.
type Say = func(to consensus.ReplicaID, frame []byte) [][]byte

// WithSay puts something between a replica and the others, which may say whatever
// the replica's key can sign: for those who try a group with a faulty member. A
// replica of a real group never has it. make is called once, with the group, the
// id and the signing key of the replica.
func WithSay(make func(*consensus.Group, consensus.ReplicaID, crypto.Signer) Say) Option {
	return func(r *Replica) {
		r.say = make(r.cfg.Group, r.self, crypto.Ed25519.NewSigner(r.cfg.Keys.Signing))
	}
}
