package core

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
)

// replyOf makes the reply to some requests, each with a result of some size.
func replyOf(r *rig, requests []*consensus.Request, size int) Reply {
	var reply Reply
	var leaves []crypto.Digest
	for i, q := range requests {
		l := leafOf(q)
		results := consensus.MarshalResults([]consensus.Result{{Class: consensus.ResultOK, Value: make([]byte, size+i)}})
		l.Results = consensus.ResultsDigest(results)
		reply.Outcomes = append(reply.Outcomes, statemachine.Outcome{Leaf: l, Results: results})
		leaves = append(leaves, l.Hash())
	}
	reply.Tree = crypto.NewMerkleTree(leaves)
	reply.Signature = r.replicas[1].Sign(consensus.ReceiptStatement(r.group, reply.Tree.Root()))
	return reply
}

// TestFrames: R28, R103 – each client gets exactly its results, under the one root,
// in frames that fit the limit of a frame however much a batch put out for it.
func TestFrames(t *testing.T) {
	s := newStage(t, nil)
	var requests []*consensus.Request
	for i := range 30 {
		requests = append(requests, s.request(i%3, consensus.Timestamp(i+1), "a"))
	}
	for _, size := range []int{10, 300_000} {
		reply := replyOf(s.rig, requests, size)
		got := map[crypto.Digest]bool{}
		reply.Frames(func(id consensus.ClientID) bool { return id != clientOf(s.rig, 2) }, func(id consensus.ClientID, frame []byte) {
			m, err := wire.ReadReply(frame)
			if err != nil {
				t.Fatal(err)
			}
			if len(frame) > 2<<20 {
				t.Errorf("a frame of %d bytes; none over 2 MiB leaves", len(frame))
			}
			for _, e := range m.Entries {
				if e.Leaf.Client != id || got[e.Leaf.Request] || !crypto.VerifyPath(m.Root, e.Leaf.Hash(), e.Path) ||
					consensus.ResultsDigest(e.Results) != e.Leaf.Results || m.Signature != reply.Signature {
					t.Fatalf("entry %+v for %s", e.Leaf, id)
				}
				got[e.Leaf.Request] = true
			}
		})
		if len(got) != 20 {
			t.Errorf("size %d: %d of 20 results arrived", size, len(got))
		}
	}
}

// TestRepeatedWaits: R6, R28 – an answer from the client table waits for the log like
// the batch that it tells of.
func TestRepeatedWaits(t *testing.T) {
	s := newStage(t, nil)
	r := s.request(0, 1, "a")
	s.effects(func(e *consensus.Effects) {
		p := e.Append(1, nil)
		e.Execute = append(e.Execute, consensus.Execute{Sequence: 1, Batch: consensus.NewBatch(1, []*consensus.Request{r}), After: p})
	})
	x := s.execution(1, r)
	x.Execution.Tree = crypto.NewMerkleTree([]crypto.Digest{leafOf(r).Hash()})
	if out := s.step(x); len(out.Reply) > 0 {
		t.Error("a reply left before the log was durable")
	}
	s.step(Repeated{Outcome: statemachine.Outcome{Leaf: leafOf(r)}})
	if out := s.after(tick); len(out.Reply) > 0 {
		t.Error("a repeated reply left before the log was durable")
	}
	if out := s.step(Persisted{Through: 1}); len(out.Reply) != 2 {
		t.Errorf("%d replies left when the log was durable", len(out.Reply))
	}
	s.after(repeatInterval)
	s.step(Repeated{Outcome: statemachine.Outcome{Leaf: leafOf(r)}})
	if out := s.after(tick); len(out.Reply) != 1 {
		t.Error("a repeated reply waits for nothing")
	}
}

const tick = 20 * time.Millisecond

// TestRepeatsAreFew: R102, R105 – whoever repeats executed requests gets one signature
// for all of a tick, one answer to each in an interval, and makes the replica hold no
// more of them than its bounds say, also while its disk stalls.
func TestRepeatsAreFew(t *testing.T) {
	s := newStage(t, nil)
	ask := func(timestamp consensus.Timestamp, results int) {
		r := s.request(0, timestamp, "a")
		s.step(Repeated{Outcome: statemachine.Outcome{Leaf: leafOf(r), Results: make([]byte, results)}})
	}
	answers := func(out Output) (roots, outcomes int) {
		for _, r := range out.Reply {
			outcomes += len(r.Outcomes)
			valid := make([]bool, 1)
			s.scheme.Verify([]crypto.Check{{
				Key: s.group.Genesis.Replicas[s.core.self].Key, Statement: consensus.ReceiptStatement(s.group, r.Tree.Root()), Signature: r.Signature,
			}}, valid)
			if !valid[0] {
				t.Error("a root whose signature does not hold")
			}
		}
		return len(out.Reply), outcomes
	}
	for range 1000 {
		ask(1, 10)
		ask(2, 10)
	}
	if roots, outcomes := answers(s.after(tick)); roots != 1 || outcomes != 2 {
		t.Errorf("%d answers under %d roots, want 2 under 1", outcomes, roots)
	}
	ask(1, 10)
	ask(3, 10)
	if _, outcomes := answers(s.after(tick)); outcomes != 1 {
		t.Errorf("%d answers, want that to the request which was not answered in this interval", outcomes)
	}
	s.after(repeatInterval)
	ask(1, 10)
	if _, outcomes := answers(s.after(tick)); outcomes != 1 {
		t.Error("no answer in the next interval")
	}
	s.effects(func(e *consensus.Effects) { // which no sync follows
		e.Execute = append(e.Execute, consensus.Execute{Sequence: 1, Batch: consensus.NewBatch(1, nil), After: e.Append(1, nil)})
	})
	for i := range consensus.Timestamp(3 * repeatCountMax) {
		if ask(10+i, 10); i%64 == 0 {
			s.after(tick)
		}
	}
	if status := s.core.Status(); status.Unsynced > 1 || len(s.core.repeats.answered) > repeatCountMax {
		t.Errorf("%d items wait for the log, %d requests are remembered", status.Unsynced, len(s.core.repeats.answered))
	}
	if roots, outcomes := answers(s.step(Persisted{Through: 1})); roots != 1 || outcomes > repeatCountMax {
		t.Errorf("%d answers under %d roots left", outcomes, roots)
	}
	s.after(tick)
	s.after(repeatInterval)
	for i := range consensus.Timestamp(64) {
		ask(1<<30+i, 1<<20)
	}
	if _, outcomes := answers(s.after(tick)); outcomes != repeatBytesMax>>20 {
		t.Errorf("%d answers of 1 MiB left at once", outcomes)
	}
}
