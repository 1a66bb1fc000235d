package adversary

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/pbft"
)

// An equivocator proposes two contents for one sequence, one to each half of the
// group, and commits to both at once (R36, R46). The second one has another time,
// and another order of its requests if it has several.
type equivocator struct {
	stage
	other map[crypto.Digest]*pbft.PrePrepare // the second proposal, by the batch of the first
}

func newEquivocator(s stage) lie {
	return &equivocator{stage: s, other: map[crypto.Digest]*pbft.PrePrepare{}}
}

// memoryMax bounds what a lie remembers of each kind.
const memoryMax = 1024

// Say implements sim.Behaviour.
func (e *equivocator) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	if v, ok := pbft.ReadVote(frame); ok && v.Kind == pbft.TypeCommit && odd(to) && e.other[v.Header.Batch] != nil {
		return e.instead(e.forger.Vote(pbft.TypeCommit, e.other[v.Header.Batch].Header))
	}
	p, ok := e.proposal(frame)
	if !ok {
		return [][]byte{frame}
	}
	if !odd(to) {
		return [][]byte{frame, e.forger.Vote(pbft.TypeCommit, p.Header)}
	}
	if len(e.other) == memoryMax {
		clear(e.other)
	}
	second := e.forger.PrePrepare(p.Header.View, p.Header.Sequence, reversed(p.Content))
	e.other[p.Header.Batch], _ = e.read(second).(*pbft.PrePrepare)
	h := p.Header
	h.Batch = reversed(p.Content).Digest()
	return e.instead(second, e.forger.Vote(pbft.TypeCommit, h))
}

// reversed is content with the same requests, which is another content.
func reversed(c *consensus.Content) consensus.Content {
	out := consensus.Content{Time: c.Time + 1}
	for i := len(c.Requests) - 1; i >= 0; i-- {
		out.Requests = append(out.Requests, c.Requests[i])
	}
	return out
}

// A withholder sends headers without content, and answers no question for
// batches or bodies (R21, R22).
type withholder struct{ stage }

func newWithholder(s stage) lie { return &withholder{s} }

// Say implements sim.Behaviour.
func (w *withholder) Say(_ consensus.ReplicaID, frame []byte) [][]byte {
	if p, ok := w.proposal(frame); ok {
		return w.instead(w.forger.Vote(pbft.TypePrePrepare, p.Header))
	}
	if k := kind(frame); k == wire.TypeBatch || k == wire.TypeRequests {
		return w.instead()
	}
	return [][]byte{frame}
}

// A darkener keeps f correct replicas in the dark: it speaks with a quorum and
// never with them, so that they fall behind although nothing is wrong (R98).
type darkener struct{ stage }

func newDarkener(s stage) lie { return &darkener{s} }

// Say implements sim.Behaviour.
func (d *darkener) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	n := d.Group().N
	if ahead := (int(to) + n - int(d.Self())) % n; ahead <= d.Group().F {
		return d.instead()
	}
	return [][]byte{frame}
}

// A gap maker leaves out every fourth sequence and goes on above it, so that it
// seems to work while nothing can be executed (R42).
type gapMaker struct{ stage }

func newGapMaker(s stage) lie { return &gapMaker{s} }

// gapEvery is the distance between two gaps.
const gapEvery = 4

// Say implements sim.Behaviour.
func (g *gapMaker) Say(_ consensus.ReplicaID, frame []byte) [][]byte {
	if v, ok := pbft.ReadVote(frame); ok && v.Kind == pbft.TypePrePrepare && v.Header.Sequence%gapEvery == 0 {
		return g.instead()
	}
	return [][]byte{frame}
}

// A censor hears nothing of the first client, neither from it nor through
// others: it never proposes its requests (R30).
type censor struct{ stage }

func newCensor(s stage) lie { return &censor{s} }

// Hear implements sim.Listener.
func (c *censor) Hear(_ int, _ bool, frame []byte) bool {
	if kind(frame) != consensus.TypeRequest || len(c.Group().Genesis.Clients) == 0 {
		return true
	}
	r, err := consensus.DecodeRequest(frame[1:], c.Group())
	if err != nil || r.Value.Client != c.Group().Genesis.Clients[0].Client {
		return true
	}
	c.count++
	return false
}

// A slow primary sends each proposal as late as its backups bear: just before
// their time-outs (R42, R106).
type slow struct{ stage }

func newSlow(s stage) lie { return &slow{s} }

// Say implements sim.Behaviour.
func (s *slow) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	if _, ok := s.proposal(frame); !ok {
		return [][]byte{frame}
	}
	late := append([]byte(nil), frame...)
	s.Later(s.patience(), func() { s.Send(to, late) })
	return s.instead()
}

// patience is most of the time that a healthy view lets a primary have.
func (s *slow) patience() time.Duration { return s.Status().Engine.Timeout * 9 / 10 }
