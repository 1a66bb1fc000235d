package core

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
)

func (s *stage) want(b *consensus.Batch, n consensus.Sequence, content bool) Output {
	w := consensus.Want{Sequence: n, Digest: b.Digest}
	if content {
		w.Content = &b.Content
	}
	return s.effects(func(e *consensus.Effects) { e.Fetch = append(e.Fetch, w) })
}

// questions returns whom a step asked for bodies or batches.
func questions(out Output) (to []consensus.ReplicaID) {
	for _, o := range out.Send {
		if o.Class == consensus.ClassFetch {
			to = append(to, o.To)
		}
	}
	return to
}

// TestFetchFromPool: R22 – what the pool holds is asked of nobody.
func TestFetchFromPool(t *testing.T) {
	s := newStage(t, nil)
	a, b := s.request(0, 1, "a"), s.request(1, 1, "b")
	batch := consensus.NewBatch(1, []*consensus.Request{a, b})
	s.admit(a)
	s.admit(b)
	s.want(batch, 1, true)
	if count[consensus.Completed](s.engine) != 1 || s.core.Status().Wants != 0 {
		t.Error("not complete at once")
	}
}

// TestFetchAsks: R22 – what is lacking is asked from one replica after the other,
// without end and never of oneself, until it is there; the digest decides.
func TestFetchAsks(t *testing.T) {
	for _, content := range []bool{true, false} {
		s := newStage(t, nil)
		a, b := s.request(0, 1, "a"), s.request(1, 1, "b")
		batch := consensus.NewBatch(1, []*consensus.Request{a, b})
		s.admit(a)
		s.want(batch, 1, content)
		asked := map[consensus.ReplicaID]int{}
		for range 60 {
			for _, to := range append(questions(s.want(batch, 1, content)), questions(s.after(20*time.Millisecond))...) {
				asked[to]++
			}
		}
		if len(asked) != 3 || asked[1] > 0 || asked[0] < 3 || asked[3] < 3 {
			t.Errorf("content=%v: asked %v", content, asked)
		}
		s.receive(2, RequestsMessage{[]*consensus.Request{s.request(1, 1, "another")}})
		s.receive(2, BatchMessage{consensus.NewBatch(2, []*consensus.Request{a})})
		if count[consensus.Completed](s.engine) > 0 {
			t.Errorf("content=%v: complete with what was not asked for", content)
		}
		if content {
			s.receive(2, RequestsMessage{[]*consensus.Request{b}})
		} else {
			s.receive(2, BatchMessage{batch})
		}
		if count[consensus.Completed](s.engine) != 1 || s.core.Status().Wants != 0 || len(s.core.fetch.missing) > 0 {
			t.Errorf("content=%v: not complete, or something is left", content)
		}
	}
}

// TestFetchFromClient: R30, R33 – a body that a client sends completes a batch, also
// if the pool has no room for it.
func TestFetchFromClient(t *testing.T) {
	s := newStage(t, func(p *consensus.Parameters) { p.SessionWindow = 1 })
	s.admit(s.request(0, 1, "fills the pool"))
	b := s.request(0, 2, "b")
	one, two := consensus.NewBatch(1, []*consensus.Request{b}), consensus.NewBatch(2, []*consensus.Request{b})
	s.want(one, 1, true)
	s.want(two, 2, true)
	if out := s.admit(b); len(out.Refuse) != 1 || count[consensus.Completed](s.engine) != 2 {
		t.Errorf("%d of 2 batches are complete", count[consensus.Completed](s.engine))
	}
}

// TestFetchBounds: R101, R24 – wants are bounded by the window, forgotten when it
// moves, and a batch over the limit completes nowhere.
func TestFetchBounds(t *testing.T) {
	s := newStage(t, func(p *consensus.Parameters) { p.BatchBytesMax, p.RequestBytesMax = 1024, 1024 })
	for i := range 500 {
		s.want(consensus.NewBatch(1, []*consensus.Request{s.request(0, consensus.Timestamp(i+1), "a")}), consensus.Sequence(i%16+1), i%2 == 0)
	}
	if n := s.core.Status().Wants; n > 32 || len(s.core.fetch.wants) != n || len(s.core.fetch.missing) > n {
		t.Errorf("%d wants, %d by digest, %d bodies", n, len(s.core.fetch.wants), len(s.core.fetch.missing))
	}
	s.engine.status.Low, s.engine.status.Ordered = 16, 16
	s.after(time.Millisecond)
	if n := s.core.Status().Wants; n > 0 || len(s.core.fetch.missing) > 0 || len(s.core.fetch.claims) > 0 {
		t.Errorf("%d wants are left below the window", n)
	}
	large := []*consensus.Request{s.request(0, 1, string(make([]byte, 600))), s.request(0, 2, string(make([]byte, 600)))}
	s.admit(large[0])
	s.admit(large[1])
	s.want(consensus.NewBatch(1, large), 17, true)
	if count[consensus.Completed](s.engine) > 0 {
		t.Error("a batch over the limit is complete")
	}
}

// TestWantAgain: the engine repeats a want; what is known of it stays, and content
// that comes later is used.
func TestWantAgain(t *testing.T) {
	s := newStage(t, nil)
	b := s.request(1, 1, "b")
	batch := consensus.NewBatch(1, []*consensus.Request{b})
	for _, content := range []bool{false, false, true, false, true} {
		s.want(batch, 1, content)
	}
	if n := s.core.Status().Wants; n != 1 || len(s.core.fetch.missing) != 1 {
		t.Errorf("%d wants", n)
	}
	s.receive(0, RequestsMessage{[]*consensus.Request{b}})
	if count[consensus.Completed](s.engine) != 1 {
		t.Error("not complete")
	}
}

// TestServes: R21, R22 – batches and bodies come from the engine or the pool.
func TestServes(t *testing.T) {
	s := newStage(t, nil)
	a, b, c := s.request(0, 1, "a"), s.request(1, 1, "b"), s.request(2, 1, "c")
	batch := consensus.NewBatch(1, []*consensus.Request{a, b})
	s.engine.batches = append(s.engine.batches, batch)
	s.admit(c)
	ask := func(digests ...crypto.Digest) Output {
		return s.receive(2, FetchRequestsMessage{wire.FetchRequests{Batch: batch.Digest, Requests: digests}})
	}
	out := s.receive(2, FetchBatchMessage{wire.FetchBatch{Digest: batch.Digest}})
	if to := questions(out); len(to) != 1 || to[0] != 2 || wire.Type(out.Send[0].Frame) != wire.TypeBatch {
		t.Errorf("a batch is answered with %+v", out.Send)
	}
	out = ask(b.Digest(), crypto.Digest{1}, c.Digest())
	m, err := wire.ReadRequests(out.Send[0].Frame, s.group)
	if err != nil || len(m) != 2 || m[0].Value.Digest() != b.Digest() || m[1].Value.Digest() != c.Digest() {
		t.Errorf("bodies: %v %d", err, len(m))
	}
	if out := ask(crypto.Digest{1}); len(out.Send) > 0 {
		t.Error("nothing was answered with something")
	}
	if out := s.receive(2, FetchBatchMessage{wire.FetchBatch{Digest: crypto.Digest{1}}}); len(out.Send) > 0 {
		t.Error("an unknown batch was answered")
	}
}

// TestBudget: R105 – one replica gets so many bytes in a second and no more; another
// one's share does not depend on it. Answers fit a frame whatever is asked for.
func TestBudget(t *testing.T) {
	s := newStage(t, nil)
	s.after(0)
	r := s.request(0, 1, string(make([]byte, 200_000)))
	s.admit(r)
	m := wire.FetchRequests{}
	for range 64 {
		m.Requests = append(m.Requests, r.Digest())
	}
	total := func(from consensus.ReplicaID) (n int) {
		for range 200 {
			for _, o := range s.receive(from, FetchRequestsMessage{m}).Send {
				if len(o.Frame) > 1<<20 {
					t.Fatalf("an answer of %d bytes", len(o.Frame))
				}
				n += len(o.Frame)
			}
		}
		return n
	}
	if first, other := total(2), total(3); first > fetchBytesPerSecond+1<<20 || first < fetchBytesPerSecond/2 || other != first {
		t.Errorf("one replica got %d bytes at once, another %d", first, other)
	}
	s.after(500 * time.Millisecond)
	if n := total(2); n > fetchBytesPerSecond/2+1<<20 || n == 0 {
		t.Errorf("half a second later it gets %d bytes more", n)
	}
	s.after(-time.Hour) // R89: a clock that goes back moves nothing
	s.after(time.Hour * 1000)
	if n := total(2); n > fetchBytesPerSecond+1<<20 {
		t.Errorf("%d bytes after a long time", n)
	}
}

// TestForgottenWants: R101, R105 – what the engine does not ask for again, because the
// view changed for instance, is asked of nobody any more; what it does stays.
func TestForgottenWants(t *testing.T) {
	s := newStage(t, nil)
	kept := consensus.NewBatch(1, []*consensus.Request{s.request(1, 1, "kept")})
	s.want(consensus.NewBatch(1, []*consensus.Request{s.request(1, 2, "void")}), 1, true)
	for range 30 {
		s.want(kept, 2, true)
		s.after(100 * time.Millisecond)
	}
	if n := s.core.Status().Wants; n != 1 || s.core.fetch.wants[kept.Digest] == nil {
		t.Errorf("%d wants are left", n)
	}
}

// TestQuestionBytes: R102, R105 – a primary that proposes bodies which nobody has makes
// no flood of the questions for them, and another want has its turn meanwhile.
func TestQuestionBytes(t *testing.T) {
	s := newStage(t, func(p *consensus.Parameters) { p.Window = 512 })
	var bogus []*consensus.Batch
	for i := range 100 {
		b := &consensus.Batch{Digest: crypto.Digest{1, byte(i)}}
		for j := range 2048 {
			b.Content.Requests = append(b.Content.Requests, crypto.Digest{2, byte(i), byte(j), byte(j >> 8)})
		}
		bogus = append(bogus, b)
	}
	honest := consensus.NewBatch(1, []*consensus.Request{s.request(1, 1, "b")})
	asked := 0
	for range 40 {
		s.now = s.now.Add(50 * time.Millisecond)
		bytes := 0
		for _, o := range s.effects(func(e *consensus.Effects) {
			for i, b := range append(bogus, honest) {
				e.Fetch = append(e.Fetch, consensus.Want{Sequence: consensus.Sequence(i + 1), Digest: b.Digest, Content: &b.Content})
			}
		}).Send {
			if bytes += len(o.Frame); len(o.Frame) < 200 {
				asked++
			}
		}
		if bytes > questionBytesPerTick+1<<17 {
			t.Fatalf("%d bytes of questions in one tick", bytes)
		}
	}
	if asked < 5 {
		t.Errorf("a small want was asked for %d times in 2 s", asked)
	}
}

// TestQuestionsAreNotFree: R102, R105 – questions without an answer cost their asker's
// budget, too, and nobody else's.
func TestQuestionsAreNotFree(t *testing.T) {
	s := newStage(t, nil)
	s.after(0)
	a := s.request(0, 1, "a")
	batch := consensus.NewBatch(1, []*consensus.Request{a})
	s.engine.batches = append(s.engine.batches, batch)
	for range fetchBytesPerSecond / questionCost / 2 {
		s.receive(2, FetchRequestsMessage{wire.FetchRequests{Batch: batch.Digest, Requests: []crypto.Digest{{1}}}})
		s.receive(2, FetchBatchMessage{wire.FetchBatch{Digest: crypto.Digest{1}}})
	}
	ask := func(from consensus.ReplicaID) int {
		return len(s.receive(from, FetchBatchMessage{wire.FetchBatch{Digest: batch.Digest}}).Send) +
			len(s.receive(from, FetchRequestsMessage{wire.FetchRequests{Batch: batch.Digest, Requests: []crypto.Digest{a.Digest()}}}).Send)
	}
	if ask(2) != 0 || ask(3) != 2 {
		t.Error("who asks without end is answered still, or another one is not")
	}
	if s.after(time.Second); ask(2) != 2 {
		t.Error("a second later it is not answered")
	}
}
