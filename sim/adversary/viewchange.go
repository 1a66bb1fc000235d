package adversary

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/pbft"
)

// A changer makes another VIEW-CHANGE of each one that its core sends. alter may
// answer nil: then the core's own one leaves.
type changer struct {
	stage
	alter  func(c *changer, to consensus.ReplicaID, m *pbft.ViewChange) []byte
	oldest *pbft.ViewChange                                // the first that said something
	first  map[consensus.Sequence]pbft.PreparedCertificate // of each sequence, the lowest view
}

func change(alter func(*changer, consensus.ReplicaID, *pbft.ViewChange) []byte) func(stage) lie {
	return func(s stage) lie {
		return &changer{stage: s, alter: alter, first: map[consensus.Sequence]pbft.PreparedCertificate{}}
	}
}

// Say implements sim.Behaviour.
func (c *changer) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	if kind(frame) != pbft.TypeViewChange {
		return [][]byte{frame}
	}
	m, ok := c.read(frame).(*pbft.ViewChange)
	if !ok || m.Signer != c.Self() {
		return [][]byte{frame}
	}
	c.study(m)
	if other := c.alter(c, to, m); other != nil {
		return c.instead(other)
	}
	return [][]byte{frame}
}

func (c *changer) study(m *pbft.ViewChange) {
	if c.oldest == nil && (m.Stable != nil || len(m.Prepared) > 0) {
		c.oldest = m
	}
	for _, p := range m.Prepared {
		if len(c.first) == memoryMax {
			clear(c.first)
		}
		if _, ok := c.first[p.Header.Sequence]; !ok {
			c.first[p.Header.Sequence] = p
		}
	}
}

func all(int) bool  { return true }
func none(int) bool { return false }

// hides conceals all that prepared here (R58, R62).
func hides(c *changer, _ consensus.ReplicaID, m *pbft.ViewChange) []byte {
	return c.forger.ViewChange(m.To, m, none)
}

// staleChange shows what was true when it changed views for the first time (R62).
func staleChange(c *changer, _ consensus.ReplicaID, m *pbft.ViewChange) []byte {
	if c.oldest == m {
		return nil
	}
	return c.forger.ViewChange(m.To, c.oldest, all)
}

// lowerChange shows, for each sequence, the certificate of the lowest view that it
// ever had in the place of the highest one (R59).
func lowerChange(c *changer, _ consensus.ReplicaID, m *pbft.ViewChange) []byte {
	other := *m
	other.Prepared = append([]pbft.PreparedCertificate(nil), m.Prepared...)
	for i, p := range m.Prepared {
		other.Prepared[i] = c.first[p.Header.Sequence]
	}
	return c.forger.ViewChange(m.To, &other, all)
}

// invalidChange adds one certificate with a bad signature to good ones, for half
// of the group (R60).
func invalidChange(c *changer, to consensus.ReplicaID, m *pbft.ViewChange) []byte {
	if !odd(to) {
		return nil
	}
	other := *m
	other.Prepared = append([]pbft.PreparedCertificate(nil), m.Prepared...)
	if len(other.Prepared) > 0 {
		p := &other.Prepared[0]
		p.Header.Batch[0]++
	} else {
		other.Prepared = append(other.Prepared, c.claim(m, 1))
	}
	return c.forger.ViewChange(m.To, &other, all)
}

// farChange claims that a batch prepared at the very end of the window, so that
// the new view would have to fill all below it (R61).
func farChange(c *changer, _ consensus.ReplicaID, m *pbft.ViewChange) []byte {
	other := *m
	other.Prepared = []pbft.PreparedCertificate{c.claim(m, consensus.Sequence(c.Group().Genesis.Parameters.Window))}
	return c.forger.ViewChange(m.To, &other, all)
}

// claim makes a prepared certificate at a distance from the checkpoint of m, all
// of whose signatures are the liar's.
func (c *changer) claim(m *pbft.ViewChange, ahead consensus.Sequence) pbft.PreparedCertificate {
	low := consensus.Sequence(0)
	if m.Stable != nil {
		low = m.Stable.Sequence
	}
	p := pbft.PreparedCertificate{Header: pbft.Header{View: m.To - 1, Sequence: low + ahead}}
	p.Header.Batch[0] = 1
	vote := c.vote(pbft.TypePrepare, p.Header)
	p.Primary = vote
	for i := 0; len(p.Prepares) < c.Group().Quorum-1; i++ {
		if id := consensus.ReplicaID(i); id != c.Group().Primary(p.Header.View) {
			p.Prepares = append(p.Prepares, pbft.Signed{Replica: id, Signature: vote})
		}
	}
	return p
}

// A spammer asks for every view above the present one, one after the other, and
// is alone with it (R69, R70).
type spammer struct {
	stage
	next consensus.ViewNumber
}

func newSpammer(s stage) lie { return &spammer{stage: s} }

// Tick implements sim.Behaviour.
func (s *spammer) Tick() {
	s.next = max(s.next, s.Status().Engine.View) + 1
	s.tell(s.forger.ViewChange(s.next, nil, nil))
}
