package pbft

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// prePrepareBytesMax is the size of a proposal with content, or of a null batch
// with the question that it answers.
func prePrepareBytesMax(p *consensus.Parameters) uint64 {
	return voteBytes + max(8+4+p.BatchRequestsMax*crypto.DigestSize, recallBytes)
}

func preparedBytes(g *consensus.Group) int {
	return headerBytes + crypto.SignatureSize + 1 + (g.Quorum-1)*signedBytes
}

func viewChangeBytesMax(g *consensus.Group) uint64 {
	stable := 8 + crypto.DigestSize + 1 + uint64(g.Quorum)*signedBytes
	return 1 + 8 + stable + 4 + g.Genesis.Parameters.Window*uint64(preparedBytes(g)) + signedBytes
}

// FrameBytesMax is the size of the largest frame that PBFT can need in a group:
// a NEW-VIEW with the whole window prepared at a quorum of replicas, a
// PRE-PREPARE, or a RECALLED. A group whose frame limit is smaller can get stuck for good (R76).
func FrameBytesMax(g *consensus.Group) uint64 {
	newView := 1 + 8 + 1 + uint64(g.Quorum)*(4+viewChangeBytesMax(g)) + 4 +
		g.Genesis.Parameters.Window*proposalBytes + crypto.SignatureSize
	return max(newView, prePrepareBytesMax(&g.Genesis.Parameters), recalledBytesMax(g))
}
