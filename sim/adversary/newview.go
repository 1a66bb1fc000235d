package adversary

import (
	"slices"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/pbft"
)

// An opener makes other NEW-VIEWs of those that its core sends as the primary of
// their views, and commits to what they propose at once.
type opener struct {
	stage
	alter   func(o *opener, to consensus.ReplicaID, m *pbft.NewView) [][]byte // nil: the core's own one leaves
	changes map[consensus.ReplicaID]*pbft.ViewChange                          // heard, by signer, the last
}

func open(alter func(*opener, consensus.ReplicaID, *pbft.NewView) [][]byte) func(stage) lie {
	return func(s stage) lie {
		return &opener{stage: s, alter: alter, changes: map[consensus.ReplicaID]*pbft.ViewChange{}}
	}
}

// Say implements sim.Behaviour.
func (o *opener) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	if kind(frame) != pbft.TypeNewView {
		return [][]byte{frame}
	}
	m, ok := o.read(frame).(*pbft.NewView)
	if !ok || o.Group().Primary(m.View) != o.Self() {
		return [][]byte{frame}
	}
	other := o.alter(o, to, m)
	if other == nil {
		return [][]byte{frame}
	}
	for _, f := range other[:len(other):len(other)] {
		if made, ok := o.read(f).(*pbft.NewView); ok {
			other = append(other, o.forger.Commits(made)...)
		}
	}
	return o.instead(other...)
}

// Hear implements sim.Listener.
func (o *opener) Hear(_ int, client bool, frame []byte) bool {
	if kind(frame) == pbft.TypeViewChange && !client {
		if m, ok := o.read(frame).(*pbft.ViewChange); ok {
			o.changes[m.Signer] = m
		}
	}
	return true
}

func batches(m *pbft.NewView) (list []crypto.Digest) {
	for _, p := range m.Proposals {
		list = append(list, p.Batch)
	}
	return list
}

// forgetful puts the null batch in the place of everything that prepared (R58,
// R62, R63).
func forgetful(o *opener, _ consensus.ReplicaID, m *pbft.NewView) [][]byte {
	list, forgot := batches(m), false
	for i := range list {
		forgot = forgot || list[i] != consensus.NullDigest
		list[i] = consensus.NullDigest
	}
	if !forgot {
		return nil
	}
	return [][]byte{o.forger.NewView(m, list)}
}

// wrong proposes another list than its view changes demand: cut short, too long,
// in another order, or with an invention (R62, R63).
func wrong(o *opener, _ consensus.ReplicaID, m *pbft.NewView) [][]byte {
	list := batches(m)
	invention := crypto.Hash(crypto.KindBatch, []byte("invention"))
	switch o.random(4) {
	case 0:
		list = list[:max(len(list), 1)-1]
	case 1:
		slices.Reverse(list)
	case 2:
		if len(list) > 0 {
			list[o.random(len(list))] = invention
		}
	}
	if slices.Equal(list, batches(m)) {
		list = append(list, invention)
	}
	return [][]byte{o.forger.NewView(m, list)}
}

// twoViews opens one view twice, with two quorums of view changes: its own view
// change hides from one half of the group what it shows to the other. Both are
// valid (R62, R72).
func twoViews(o *opener, to consensus.ReplicaID, m *pbft.NewView) [][]byte {
	if !odd(to) {
		return nil
	}
	var changes []*pbft.ViewChange
	for i := o.Group().N - 1; i >= 0 && len(changes) < o.Group().Quorum; i-- {
		id := consensus.ReplicaID(i)
		if id == o.Self() {
			if c, ok := o.read(o.forger.ViewChange(m.View, nil, nil)).(*pbft.ViewChange); ok {
				changes = append(changes, c)
			}
		} else if c := o.changes[id]; c != nil && c.To == m.View {
			changes = append(changes, c)
		}
	}
	if len(changes) < o.Group().Quorum {
		return nil
	}
	slices.Reverse(changes)
	return [][]byte{o.forger.Open(m.View, changes)}
}

// thin opens a view with one view change that it repeats under the names of a
// quorum (R2, R62).
func thin(o *opener, _ consensus.ReplicaID, m *pbft.NewView) [][]byte {
	changes := make([]*pbft.ViewChange, len(m.Changes))
	for i := range changes {
		changes[i] = m.Changes[0]
	}
	return [][]byte{o.forger.Open(m.View, changes)}
}

// silent does not open the views of which it is the primary (R67).
func silent(*opener, consensus.ReplicaID, *pbft.NewView) [][]byte { return [][]byte{} }
