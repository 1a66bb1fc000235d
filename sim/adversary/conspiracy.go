package adversary

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/sim"
)

// A conspiracy is what liars that trust each other know together: for each batch
// that one of them proposes as primary, the second one that it shows to the odd
// half of the group.
type conspiracy struct {
	second map[crypto.Digest]crypto.Digest // by the first
	frames map[crypto.Digest][]byte        // proposal of the second, by the first
}

// Conspire returns what makes members of one conspiracy, for sim.World.Corrupt:
// as primaries they equivocate, and all of them prepare and commit, for each half
// of the group, the batch that this half was shown. With f members or fewer it
// breaks nothing; with f+1 it does what no protocol can withstand (R52).
func Conspire() func(*sim.Faulty) sim.Behaviour {
	shared := &conspiracy{second: map[crypto.Digest]crypto.Digest{}, frames: map[crypto.Digest][]byte{}}
	return func(f *sim.Faulty) sim.Behaviour {
		return &combined{names: []string{"conspirator"}, parts: []lie{&conspirator{newStage(f), shared}}}
	}
}

type conspirator struct {
	stage
	*conspiracy
}

// Say implements sim.Behaviour.
func (c *conspirator) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	if p, ok := c.proposal(frame); ok {
		return c.propose(to, p, frame)
	}
	v, ok := pbft.ReadVote(frame)
	if !ok || !odd(to) {
		return [][]byte{frame}
	}
	second, ok := c.second[v.Header.Batch]
	if !ok {
		return [][]byte{frame}
	}
	h := v.Header
	h.Batch = second
	return c.instead(c.forger.Vote(v.Kind, h))
}

func (c *conspirator) propose(to consensus.ReplicaID, p *pbft.PrePrepare, frame []byte) [][]byte {
	first := p.Header.Batch
	if c.frames[first] == nil {
		content := reversed(p.Content)
		c.second[first] = content.Digest()
		c.frames[first] = c.forger.PrePrepare(p.Header.View, p.Header.Sequence, content)
	}
	if !odd(to) {
		return [][]byte{frame}
	}
	return c.instead(c.frames[first])
}
