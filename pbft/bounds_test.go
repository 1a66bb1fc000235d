package pbft

import (
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// receive gives an engine a message as the verify pool would.
func receive(t *testing.T, w *network, h *host, frame []byte) {
	t.Helper()
	u, err := w.codec.Decode(frame, consensus.Hint{})
	if err != nil {
		t.Fatal(err)
	}
	crypto.VerifyAll(w.scheme, []crypto.Unverified[consensus.Message]{u}, func(_ int, v crypto.Verified[consensus.Message]) {
		w.step(h, consensus.Received{Message: v})
	}, func(int) { t.Fatal("a signature does not hold") })
}

// R44, R101: a flood of votes for views ahead is kept within the bound of its
// sender, and takes nothing from others.
func TestVotesForViewsAhead(t *testing.T) {
	w := newNetwork(t, 4, small)
	d := w.group.Domain()
	for v := range consensus.ViewNumber(5000) {
		h := Header{View: 1 + v, Sequence: 1}
		kind := TypeCommit
		receive(t, w, w.host(1), newVote(kind, h, 2, d, w.signers[2]).frame)
		if p := w.group.Primary(h.View); p == 3 {
			h.Batch = crypto.Digest{1}
			receive(t, w, w.host(1), newVote(TypePrePrepare, h, 3, d, w.signers[3]).frame)
		}
	}
	e := w.host(1).engine
	if got := len(e.later[2]); got != laterVotesMax {
		t.Errorf("%d votes kept, not %d", got, laterVotesMax)
	}
	if got := len(e.later[3]); got != laterPrePreparesMax {
		t.Errorf("%d pre-prepares kept, not %d", got, laterPrePreparesMax)
	}
	if len(e.slots) != 0 || e.Status().View != 0 {
		t.Error("a higher view has had an effect")
	}
}

// R53: however many sequences one member signs checkpoints for, what is kept is
// the window and one more.
func TestFakeCheckpoints(t *testing.T) {
	w := newNetwork(t, 4, small)
	for i := range consensus.Sequence(3000) {
		c := newCheckpoint(4*(i+1), crypto.Digest{byte(i)}, 2, w.group.Domain(), w.signers[2])
		receive(t, w, w.host(1), c.frame)
	}
	e := w.host(1).engine
	if len(e.votes) != 2 || e.far[2].Sequence != 12000 {
		t.Errorf("%d checkpoints in the window, highest above it %d; want 2 and 12000", len(e.votes), e.far[2].Sequence)
	}
}

// R69, R70: f replicas that ask for every view move nobody and cost one
// VIEW-CHANGE each.
func TestViewChangeFlood(t *testing.T) {
	w := newNetwork(t, 4, small)
	for v := range consensus.ViewNumber(3000) {
		c := &ViewChange{To: v + 1}
		signViewChange(c, 2, w.group.Domain(), w.signers[2])
		receive(t, w, w.host(1), c.frame)
	}
	if st := w.host(1).engine.Status(); st.View != 0 || st.ChangingTo != 0 {
		t.Errorf("one replica moved another to view %d", st.ChangingTo)
	}
	if got := w.host(1).engine.changes[2].To; got != 3000 {
		t.Errorf("the VIEW-CHANGE kept is for view %d, not the highest", got)
	}
}

// R46, R101: a liar that proves itself one for view after view is reported and
// passed on once.
func TestEvidenceFlood(t *testing.T) {
	w := newNetwork(t, 4, small)
	count := 0
	w.sent = func(h *host, frame []byte) {
		if h.id == 1 && frame[0] == byte(TypeEvidence) {
			count++
		}
	}
	for v := range consensus.ViewNumber(500) {
		a := newVote(TypeCommit, Header{View: v, Sequence: 1}, 2, w.group.Domain(), w.signers[2])
		b := newVote(TypeCommit, Header{View: v, Sequence: 1, Batch: crypto.Digest{1}}, 2, w.group.Domain(), w.signers[2])
		receive(t, w, w.host(1), (&Evidence{A: a, B: b}).encode())
	}
	if count != 1 || len(w.reports) != 1 {
		t.Errorf("passed on %d times and reported %d times, not once", count, len(w.reports))
	}
}

// R21, R101: batches for one sequence are kept through view changes, within a
// bound, and those that something rests on stay.
func TestBatchesOfOneSlot(t *testing.T) {
	g, _, scheme := newGroup(t, 4, small)
	s := newSlot(1, 0, 4)
	first := batchOf(g, scheme, "first", startTime)
	s.keep(first, 1)
	s.prepared = &PreparedCertificate{Header: Header{Sequence: 1, Batch: first.Digest}}
	for i := range 3 * batchesPerSlotMax {
		s.keep(batchOf(g, scheme, string(rune('a'+i)), startTime), 1)
	}
	if _, ok := s.holds(first.Digest); !ok || len(s.batches) != batchesPerSlotMax {
		t.Errorf("%d batches kept, the prepared one among them: %v", len(s.batches), ok)
	}
}
