package sim

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// large returns an operation that writes three values of the largest size.
func large(i int) []byte {
	value := bytes.Repeat([]byte{byte(i)}, 60<<10)
	return kv.Atomic(kv.Put([]byte("a"), value), kv.Put([]byte("b"), value), kv.Put([]byte("c"), value))
}

// TestLargeRequests: R22, R24, R103 – a batch ends where the next request would make
// it larger than a batch may be. A replica that never hears the clients fetches all
// of it, under load, and executes all the same.
func TestLargeRequests(t *testing.T) {
	p := SmallParameters()
	p.RequestOperationsMax = 1
	w := newWorld(t, Config{Seed: 1, Replicas: 4, Clients: 4, Parameters: p, SyncMax: 20 * time.Millisecond})
	w.Lose(func(from, to int, frame []byte) bool { return from >= 4 && to == 3 })
	executed, longest := 0, 0
	for c := range 4 {
		for i := range 12 {
			w.Client(c).Invoke(large(i), func(done session.Completion) {
				if done.Fate == session.Executed && done.Result.Class == consensus.ResultOK {
					executed++
				}
			})
		}
	}
	w.cfg.Observe = func(e Event) {
		if e.Kind == EventSent && e.Type == wire.TypeRequests {
			longest = max(longest, e.Bytes)
		}
	}
	run(t, w, 60*time.Second, func() bool { return executed == 48 && equalHistories(w) })
	if s := w.Replica(3).Status(); s.Executed < 24 || longest == 0 {
		t.Errorf("48 requests, of which two fit into a batch, made %d batches; the largest answer to a fetch has %d bytes", s.Executed, longest)
	}
}

// TestLargeResults: R28 – what a batch has to tell one client leaves in several
// frames, each with the root and its signature, once it is more than fits into one.
func TestLargeResults(t *testing.T) {
	most, largest := largeResults(t)
	if largest > 2<<20 {
		t.Errorf("a frame of %d bytes", largest)
	}
	if most < 2 {
		t.Error("no root came in more than one frame")
	}
}

// largeResults has a client read a lot at once, and returns in how many frames a root
// reached it, and how long they were, at most.
func largeResults(t *testing.T) (most, largest int) {
	t.Helper()
	p := SmallParameters()
	p.RequestOperationsMax = 1
	w := newWorld(t, Config{Seed: 1, Replicas: 4, Clients: 4, Parameters: p})
	written := 0
	write := func(c int) { w.Client(c).Invoke(large(1), func(session.Completion) { written++ }) }
	for _, c := range []int{0, 2, 3} { // all have a session then
		write(c)
	}
	run(t, w, 10*time.Second, func() bool { return written == 3 })
	frames := map[crypto.Digest]int{}
	w.Lose(func(from, to int, frame []byte) bool {
		if reply, err := wire.ReadReply(frame); from == 1 && err == nil {
			frames[reply.Root]++
			largest = max(largest, len(frame))
		}
		return false
	})
	read := 0
	scan := func() {
		w.Client(1).Invoke(kv.ScanPrefix(nil, 3), func(done session.Completion) {
			if page, err := kv.DecodeScan(done.Result.Value); err != nil || len(page.Entries) != 3 {
				t.Errorf("a scan gave %d entries, %v (class %d)", len(page.Entries), err, done.Result.Class)
			}
			read++
		})
	}
	scan() // opens the session
	run(t, w, 10*time.Second, func() bool { return read == 1 })
	for i := 1; i < 4; i++ {
		w.Replica(i).Pause(300 * time.Millisecond)
	}
	for range 12 { // fills the window meanwhile, so that the scans meet in one batch
		write(2)
		write(3)
	}
	if err := w.Run(200 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	for range 60 {
		scan()
	}
	run(t, w, 60*time.Second, func() bool { return read == 61 })
	for _, n := range frames { // order-free: a maximum
		most = max(most, n)
	}
	return most, largest
}

// TestAloneAndForgetful: R92 – a group of one has nobody to ask what it forgot: it
// stops, and says what an operator can do.
func TestAloneAndForgetful(t *testing.T) {
	w := newWorld(t, Config{Seed: 3, Replicas: 1, Clients: 1})
	c := count(w, 20, 2)
	run(t, w, 10*time.Second, c.done)
	r := w.Replica(0)
	r.Wipe()
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	w.Forgive()
	if h := r.Halted; h == nil || h.Cause != consensus.CauseForgotten || !strings.Contains(h.Reason, "backup") {
		t.Errorf("it goes on without its log: %+v", h)
	}
}

// TestManyRequests: R101 – the pool remembers a bounded number of executed requests
// and forgets the oldest first, and each of them counts once all the same (R23).
func TestManyRequests(t *testing.T) {
	total := 1<<14 + 1000 // more than the pool remembers
	if testing.Short() {
		total = 2000
	}
	p := consensus.DefaultParameters()
	p.RequestOperationsMax = 1
	w := newWorld(t, Config{Seed: 4, Replicas: 4, Clients: 2, Parameters: p})
	c := count(w, total, 1000)
	run(t, w, 120*time.Second, c.done)
	c.exact(t)
}
