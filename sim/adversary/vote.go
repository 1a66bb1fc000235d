package adversary

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/pbft"
)

// A double voter prepares and commits one digest for one half of the group and
// another for the other (R3, R36).
type doubleVoter struct{ stage }

func newDoubleVoter(s stage) lie { return &doubleVoter{s} }

// Say implements sim.Behaviour.
func (d *doubleVoter) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	v, ok := pbft.ReadVote(frame)
	if !ok || v.Kind == pbft.TypePrePrepare || !odd(to) {
		return [][]byte{frame}
	}
	h := v.Header
	h.Batch = crypto.Hash(crypto.KindBatch, h.Batch[:])
	return d.instead(d.forger.Vote(v.Kind, h))
}

// An absurd voter votes for views and sequences at the ends of their range,
// beside what it has to say (R41, R53, R108).
type absurd struct{ stage }

func newAbsurd(s stage) lie { return &absurd{s} }

// absurdities are numbers at which arithmetic without checks goes wrong.
var absurdities = []uint64{0, 1, 1<<31 - 1, 1 << 32, 1<<62 - 1, 1 << 62, 1<<63 - 1, 1 << 63, 1<<64 - 1}

// Tick implements sim.Behaviour.
func (a *absurd) Tick() {
	st := a.Status().Engine
	number := func(near uint64) uint64 {
		switch a.random(3) {
		case 0:
			return near + uint64(a.random(5)) - 2
		case 1:
			return near + uint64(st.High-st.Low) + uint64(a.random(3)) - 1
		}
		return absurdities[a.random(len(absurdities))]
	}
	h := pbft.Header{View: consensus.ViewNumber(number(uint64(st.View))), Sequence: consensus.Sequence(number(uint64(st.Low)))}
	h.Batch[0] = byte(a.random(256))
	switch a.random(5) {
	case 0:
		a.tell(a.forger.Vote(pbft.TypePrePrepare, h))
	case 1:
		a.tell(a.forger.Vote(pbft.TypePrepare, h))
	case 2:
		a.tell(a.forger.Vote(pbft.TypeCommit, h))
	case 3:
		a.tell(a.forger.Checkpoint(h.Sequence, h.Batch))
	case 4:
		a.tell(a.forger.ViewChange(h.View, nil, nil))
	}
}
