package pbft

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// asks lets a replica claim that it recovers, at each tick for a time.
func (w *network) asks(by consensus.ReplicaID, fill consensus.Sequence, d time.Duration) {
	m := newRecall(Recall{Round: 1, Fill: fill}, by, w.group.Domain(), w.signers[by])
	most := w.host(1).engine.ordered + 1000 // more would go on for ever
	for passed := time.Duration(0); passed < d && w.host(1).engine.ordered < most; passed += time.Second {
		for _, h := range w.hosts {
			w.queue = append(w.queue, packet{by, h.id, h, m.frame})
		}
		w.tick(time.Second)
	}
}

// R75, R101: whoever claims for ever that it recovers makes a group order so many
// null batches in a period and no more, and deposes nobody.
func TestFillBudget(t *testing.T) {
	w := newNetwork(t, 4, small)
	p := w.group.Genesis.Parameters
	budget := consensus.Sequence(3*p.Window + 2*p.CheckpointInterval)
	w.asks(3, 1<<61, fillPeriod)
	first := w.host(1).engine.ordered
	if first < budget || first > 4*budget {
		t.Errorf("%d null batches in the first period; the budget is %d, and twice that at its beginning", first, budget)
	}
	w.asks(3, 1<<61, 2*fillPeriod)
	if later := w.host(1).engine.ordered - first; later > 3*budget {
		t.Errorf("%d null batches in two further periods; the budget is %d for each", later, budget)
	}
	for _, h := range w.hosts {
		if v := h.engine.Status().ChangingTo; v != 0 {
			t.Errorf("r%d asks for view %d", h.id, v)
		}
	}
	// When nobody asks any more, nothing moves.
	w.tick(fillForget * w.host(0).engine.cfg.StatusInterval * 2)
	at := w.host(1).engine.ordered
	w.tick(time.Minute)
	if now := w.host(1).engine.ordered; now != at {
		t.Errorf("ordered %d after a minute of silence, %d before", now, at)
	}
}

// R24, R74: a batch that is null for a member's sake is voted on by everyone alike,
// also by those who never heard the member ask.
func TestFillNeedsNoHearsay(t *testing.T) {
	w := newNetwork(t, 4, small)
	m := newRecall(Recall{Round: 1, Fill: 5}, 3, w.group.Domain(), w.signers[3])
	w.queue = append(w.queue, packet{3, 0, w.host(0), m.frame})
	w.tick(time.Second)
	for _, h := range w.hosts {
		if len(h.executed) != 5 || h.executed[0] != consensus.NullDigest {
			t.Errorf("r%d executed %d batches", h.id, len(h.executed))
		}
	}
}

// R19, R76, R91: the largest answer fits into a frame, and decodes; one frame more
// than can be asked for does not.
func TestLargestRecalled(t *testing.T) {
	for _, n := range []int{4, 7, 31} {
		g, signers, _ := newGroup(t, n, func(p *consensus.Parameters) { p.CheckpointInterval, p.Window = 4, 16 })
		d := g.Domain()
		c := &ViewChange{To: 9}
		for k := range consensus.Sequence(16) {
			p := PreparedCertificate{Header: Header{View: 1, Sequence: 1 + k}}
			for i := range g.Quorum - 1 {
				by := consensus.ReplicaID(i)
				if i >= 1 {
					by++ // the primary of view 1 does not prepare
				}
				p.Prepares = append(p.Prepares, Signed{Replica: by})
			}
			c.Prepared = append(c.Prepared, p)
		}
		signViewChange(c, 2, d, signers[2])
		var votes []Signed
		for i := range g.Quorum {
			votes = append(votes, Signed{Replica: consensus.ReplicaID(i)})
		}
		frames := [][]byte{newCheckpointCertificate(4, [32]byte{}, votes).frame}
		for k := range consensus.Sequence(16) {
			h := Header{View: 1, Sequence: 1 + k}
			frames = append(frames, newVote(TypePrepare, h, 2, d, signers[2]).frame, newVote(TypeCommit, h, 2, d, signers[2]).frame)
		}
		frames = append(frames, newCheckpoint(8, [32]byte{}, 2, d, signers[2]).frame, c.frame)
		m := &Recall{Round: 1}
		frame := recalledFrame(m, frames)
		if most := recalledBytesMax(g); uint64(len(frame)) > most || most > FrameBytesMax(g) {
			t.Errorf("n=%d: an answer of %d bytes; at most %d and %d are allowed", n, len(frame), most, FrameBytesMax(g))
		}
		if _, err := NewCodec(g).Decode(frame, consensus.Hint{}); err != nil {
			t.Errorf("n=%d: %v", n, err)
		}
		for name, wrong := range map[string][][]byte{
			"a certificate twice":   append([][]byte{frames[0]}, frames...),
			"a VIEW-CHANGE twice":   append(append([][]byte(nil), frames...), c.frame),
			"out of order":          {c.frame, frames[0]},
			"one too many":          append(append([][]byte{frames[0], frames[1], frames[1]}, frames[1:33]...), frames[33:]...),
			"an empty frame":        {{}},
			"a STATUS":              {(&Status{Changes: make([]consensus.ViewNumber, n)}).encode()},
			"a vote with a content": {append(append([]byte(nil), frames[1]...), 0)},
		} {
			if _, err := NewCodec(g).Decode(recalledFrame(m, wrong), consensus.Hint{}); err == nil {
				t.Errorf("n=%d: %s is accepted", n, name)
			}
		}
	}
}

// R92: a group of one has nobody to recover from.
func TestForgetsAlone(t *testing.T) {
	g, signers, _ := newGroup(t, 1, nil)
	e := New(Config{Group: g, Self: 0, Signer: signers[0]})
	var out consensus.Effects
	e.Step(consensus.Tick{Now: startTime}, &out)
	e.Step(consensus.Started{Forgot: "its log is gone", Nonce: consensus.Nonce{1}}, &out)
	if len(out.Halt) != 1 || out.Halt[0].Cause != consensus.CauseForgotten {
		t.Errorf("halt %+v", out.Halt)
	}
}
