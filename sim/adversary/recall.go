package adversary

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/pbft"
)

// A denier does not say what it holds of a replica that asks (R91, R92): it says
// that it holds nothing, answers another question, gives an old answer, or none.
type denier struct {
	stage
	old map[consensus.ReplicaID][]byte
}

func newDenier(s stage) lie {
	return &denier{stage: s, old: map[consensus.ReplicaID][]byte{}}
}

// Say implements sim.Behaviour.
func (d *denier) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	m, ok := d.read(frame).(*pbft.Recalled)
	if !ok {
		return [][]byte{frame}
	}
	old := d.old[to]
	if old == nil {
		d.old[to] = frame
	}
	switch d.random(4) {
	case 0:
		m.Nonce[0]++
	case 1:
		m.Round++
	case 2:
		return d.instead()
	case 3:
		if old != nil {
			return d.instead(old)
		}
	}
	return d.instead(d.forger.Recalled(m.Nonce, m.Round))
}

// A glutton claims for ever that it recovers and needs ever more batches (R101).
type glutton struct {
	stage
	round uint32
}

func newGlutton(s stage) lie { return &glutton{stage: s} }

// Tick implements sim.Behaviour.
func (g *glutton) Tick() {
	g.round++
	g.tell(g.forger.Recall(pbft.Recall{Round: g.round, Fill: 1 << 61}))
}
