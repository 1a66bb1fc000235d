package core

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/consensus"
)

func limits() PoolLimits {
	return PoolLimits{BytesMax: 4000, ClientBytesMin: 1000, ClientsSharing: 2, RecentCountMax: 8, ClientRequestMax: 5}
}

func leafOf(r *consensus.Request) consensus.Leaf {
	return consensus.Leaf{Client: r.Client, Session: r.Session, Timestamp: r.Timestamp, Request: r.Digest()}
}

func TestPoolAdmits(t *testing.T) {
	r := newRig(t, 4, nil)
	p := newPool(limits())
	p.now = start
	a := r.request(0, 1, "a")
	steps := []struct {
		why     string
		request *consensus.Request
		want    admission
	}{
		{"the first", a, admitted},
		{"the same again", a, known},
		{"another one under its timestamp (R11, R25)", r.request(0, 1, "b"), taken},
		{"the next ones", r.request(0, 2, "a"), admitted},
		{"the next ones", r.request(0, 3, "a"), admitted},
		{"the next ones", r.request(0, 4, "a"), admitted},
		{"the next ones", r.request(0, 5, "a"), admitted},
		{"more than a client may have (R33)", r.request(0, 6, "a"), full},
		{"one of another client, whom that does not concern (R33)", r.request(1, 6, "a"), admitted},
		{"more bytes than its share (R33)", r.request(1, 7, string(make([]byte, 2000))), full},
		{"fewer bytes", r.request(1, 7, string(make([]byte, 1000))), admitted},
	}
	for i, s := range steps {
		if got := p.admit(s.request); got != s.want {
			t.Errorf("step %d, %s: %d, want %d", i, s.why, got, s.want)
		}
	}
	p.executed(leafOf(a), true)
	if got := p.admit(a); got != known {
		t.Errorf("a late copy of what was executed a moment ago: %d (R31)", got)
	}
	if got := p.admit(r.request(0, 6, "a")); got != admitted {
		t.Errorf("execution made no room: %d", got)
	}
	undone := r.request(1, 6, "a")
	p.executed(leafOf(undone), false)
	if got := p.admit(undone); got != admitted {
		t.Errorf("a request that was ordered and not done comes again: %d (R31)", got)
	}
	for i := range 9 {
		p.executed(leafOf(r.request(2, consensus.Timestamp(i+1), "x")), true)
	}
	if len(p.recent) != 8 || len(p.recentRing) != 8 {
		t.Errorf("%d executed requests remembered, %d in the ring (R101)", len(p.recent), len(p.recentRing))
	}
}

// TestPoolTurns: R33 – a batch takes from all clients in turn, whatever one of them
// sent before the others.
func TestPoolTurns(t *testing.T) {
	r := newRig(t, 4, nil)
	l := limits()
	l.ClientRequestMax, l.BytesMax = 100, 1<<20
	p := newPool(l)
	for i := range 50 {
		p.admit(r.request(0, consensus.Timestamp(i+1), "flood"))
	}
	p.admit(r.request(1, 1, "one"))
	p.admit(r.request(2, 1, "two"))
	g := r.group.Genesis.Parameters
	g.BatchRequestsMax = 6
	got := map[consensus.ClientID]int{}
	for _, q := range p.take(&g) {
		got[q.Client]++
	}
	if got[clientOf(r, 0)] != 4 || got[clientOf(r, 1)] != 1 || got[clientOf(r, 2)] != 1 {
		t.Errorf("a batch of 6 holds %v", got)
	}
	g.BatchBytesMax = 3 * uint64(len(r.request(0, 1, "flood").Encoding()))
	if n := len(p.take(&g)); n != 3 {
		t.Errorf("%d requests in a batch with room for 3", n)
	}
}

func clientOf(r *rig, i int) consensus.ClientID { return r.group.Genesis.Clients[i].Client }

// TestPoolOfBackup: R101 – a backup never proposes, and still keeps nothing of what
// was executed.
func TestPoolOfBackup(t *testing.T) {
	r := newRig(t, 4, nil)
	l := limits()
	l.ClientRequestMax = 1000
	p := newPool(l)
	stuck := r.request(0, 1, "never executed")
	p.admit(stuck)
	for i := range 5000 {
		q := r.request(i%2, consensus.Timestamp(i+2), "a")
		if p.admit(q) != admitted {
			t.Fatal("not admitted")
		}
		p.executed(leafOf(q), true)
		for _, l := range p.lines {
			if len(l.entries) > 64 {
				t.Fatalf("after %d requests a line holds %d entries, for %d that wait", i, len(l.entries), l.count)
			}
		}
	}
	if len(p.byKey) != 1 || p.bytes != uint64(len(stuck.Encoding())) {
		t.Errorf("%d requests and %d bytes are left", len(p.byKey), p.bytes)
	}
}

// TestPoolInNewView: what was proposed and not executed is proposed again, once, by
// whoever is primary then; every request waits anew.
func TestPoolInNewView(t *testing.T) {
	r := newRig(t, 4, nil)
	p := newPool(limits())
	p.now = start
	for i := range 3 {
		p.admit(r.request(0, consensus.Timestamp(i+1), "a"))
	}
	g := r.group.Genesis.Parameters
	if n := len(p.take(&g)); n != 3 || p.proposable() {
		t.Fatalf("proposed %d of 3", n)
	}
	p.now = start.Add(time.Second)
	p.first.forwards, p.first.confirmed = 2, true
	p.entered()
	p.entered()
	if p.first.forwards > 0 || p.first.confirmed || p.age(p.first) != 0 {
		t.Error("a request does not wait anew in a new view")
	}
	if n := len(p.take(&g)); n != 3 || p.proposable() {
		t.Errorf("proposed %d of 3 again", n)
	}
}

// TestPoolModel compares the pool, under any sequence of calls, with what it should
// hold by a simple model.
func TestPoolModel(t *testing.T) {
	r := newRig(t, 4, nil)
	rapid.Check(t, func(t *rapid.T) {
		p := newPool(limits())
		g := r.group.Genesis.Parameters
		g.BatchRequestsMax = 3
		waiting := map[requestKey]*consensus.Request{}
		proposed := map[requestKey]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			q := r.request(rapid.IntRange(0, 2).Draw(t, "client"), consensus.Timestamp(rapid.IntRange(1, 8).Draw(t, "timestamp")),
				rapid.SampledFrom([]string{"a", "b"}).Draw(t, "operation"))
			switch rapid.IntRange(0, 4).Draw(t, "call") {
			case 0, 1:
				if p.admit(q) == admitted {
					if waiting[keyOf(q)] != nil {
						t.Fatal("two requests under one timestamp (R11)")
					}
					waiting[keyOf(q)] = q
				}
			case 2:
				p.executed(leafOf(q), true)
				delete(waiting, keyOf(q))
				delete(proposed, keyOf(q))
			case 3:
				for _, b := range p.take(&g) {
					if waiting[keyOf(b)] != b || proposed[keyOf(b)] {
						t.Fatal("proposed what does not wait, or twice in a view")
					}
					proposed[keyOf(b)] = true
				}
			case 4:
				p.entered()
				clear(proposed)
			}
			checkPool(t, p, waiting, proposed)
		}
	})
}

func checkPool(t *rapid.T, p *pool, waiting map[requestKey]*consensus.Request, proposed map[requestKey]bool) {
	bytes, listed := uint64(0), 0
	for k, q := range waiting { // order-free: each is looked up on its own
		bytes += uint64(len(q.Encoding()))
		if b, ok := p.body(q.Digest()); !ok || b != q || p.byKey[k] == nil {
			t.Fatal("a waiting request is not found")
		}
	}
	for e := p.first; e != nil; e = e.next {
		listed++
	}
	if bytes != p.bytes || listed != len(waiting) || len(p.byKey) != listed || len(p.byDigest) != listed {
		t.Fatalf("%d bytes, %d listed, %d and %d indexed; want %d bytes, %d", p.bytes, listed, len(p.byKey), len(p.byDigest), bytes, len(waiting))
	}
	if p.proposable() != (len(waiting) > len(proposed)) {
		t.Fatalf("proposable is %v with %d of %d proposed", p.proposable(), len(proposed), len(waiting))
	}
	for _, l := range p.lines {
		if l.count == 0 && !l.queued {
			t.Fatal("a line without requests is kept (R101)")
		}
	}
}
