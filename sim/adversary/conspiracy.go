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
	pairs  map[crypto.Digest][2]crypto.Digest // first and second, by either
	frames map[crypto.Digest][]byte           // proposal of the second, by the first
}

// Conspire returns what makes members of one conspiracy, for sim.World.Corrupt:
// as primaries they equivocate, and all of them prepare and commit, for each half
// of the group, the batch that this half was shown. With f members or fewer it
// breaks nothing; with f+1 it does what no protocol can withstand (R52).
func Conspire() func(*sim.Faulty) sim.Behaviour {
	shared := &conspiracy{pairs: map[crypto.Digest][2]crypto.Digest{}, frames: map[crypto.Digest][]byte{}}
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
	pair, known := c.pairs[v.Header.Batch]
	if !ok || !known {
		return [][]byte{frame}
	}
	h := v.Header
	h.Batch = pair[0]
	if odd(to) {
		h.Batch = pair[1]
	}
	if h == v.Header {
		return [][]byte{frame}
	}
	return c.instead(c.forger.Vote(v.Kind, h))
}

func (c *conspirator) propose(to consensus.ReplicaID, p *pbft.PrePrepare, frame []byte) [][]byte {
	first := p.Header.Batch
	if c.frames[first] == nil {
		content := reversed(p.Content)
		second := content.Digest()
		c.pairs[first], c.pairs[second] = [2]crypto.Digest{first, second}, [2]crypto.Digest{first, second}
		c.frames[first] = c.forger.PrePrepare(p.Header.View, p.Header.Sequence, content)
	}
	if !odd(to) {
		return [][]byte{frame}
	}
	return c.instead(c.frames[first])
}
