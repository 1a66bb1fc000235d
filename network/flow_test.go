package network

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// R101, R104: a replica that takes nothing costs a bounded queue and then its
// own connection; the others do not notice.
func TestSlowReaderHoldsUpNobody(t *testing.T) {
	limits := quick()
	limits.WriteDeadline = 500 * time.Millisecond
	limits.Classes[consensus.ClassVote] = ClassLimits{FrameBytesMax: 1 << 20, QueueBytesMax: 8 << 20, QueueCountMax: 100}
	f := newFleet(t, 4, limits).startAll()
	slow, quick := f.handlers[1], f.handlers[2]
	slow.hold.Lock()
	frame := make([]byte, 100<<10)
	dropped := 0
	for range 1000 {
		if !f.hosts[0].Send(1, consensus.ClassVote, frame) {
			dropped++
		}
		if f.hosts[0].Send(2, consensus.ClassVote, frame[:100]) {
			quick.await(t, "frame")
		} else {
			t.Fatal("a frame for the quick replica was dropped")
		}
	}
	slowStats := f.hosts[0].Stats().Replicas[0]
	if slowStats.QueuedCount > 100 || slowStats.QueuedBytes > 8<<20 {
		t.Errorf("queue above its bound: %+v", slowStats)
	}
	eventually(t, "cut off as stuck", func() bool { return f.hosts[0].Stats().Replicas[0].Ended[ReasonStuck] == 1 })
	slow.hold.Unlock()
	if got := f.hosts[0].Stats().Replicas[0].Dropped[consensus.ClassVote]; got < uint64(dropped) || dropped < 800 {
		t.Errorf("%d drops returned, %d counted, of 1000", dropped, got)
	}
	slow.await(t, "down")
	slow.await(t, "up")
	if f.hosts[0].Stats().Replicas[1].Ended[ReasonLost] > 0 {
		t.Error("the quick replica was disconnected")
	}
}

// R102: votes pass while state transfer and client requests are saturated and
// their receiver takes no more of them.
func TestNoClassStarvesAnother(t *testing.T) {
	limits := quick()
	limits.WriteDeadline = time.Minute
	f := newFleet(t, 4, limits).startAll()
	blocked := f.handlers[1]
	blocked.heldClass = map[consensus.Class]bool{
		consensus.ClassState: true, consensus.ClassFetch: true, consensus.ClassClient: true,
	}
	blocked.hold.Lock()
	defer blocked.hold.Unlock()
	big := make([]byte, 1<<20)
	for _, c := range []consensus.Class{consensus.ClassState, consensus.ClassFetch, consensus.ClassClient} {
		for f.hosts[0].Send(1, c, big) {
		}
	}
	var worst time.Duration
	for range 200 {
		began := time.Now()
		if !f.hosts[0].Send(1, consensus.ClassVote, []byte("vote")) {
			t.Fatal("a vote was dropped")
		}
		if a := blocked.await(t, "frame"); a.class != consensus.ClassVote {
			t.Fatalf("got %v", a.class)
		}
		worst = max(worst, time.Since(began))
	}
	t.Logf("slowest of 200 votes: %v", worst)
	if worst > time.Second {
		t.Errorf("a vote took %v", worst)
	}
}

// R96, R102: the same while state flows at full speed instead of being stuck.
func TestVotesPassBesideBulk(t *testing.T) {
	limits := quick()
	limits.BulkBytesPerSecond = 4 << 30
	f := newFleet(t, 4, limits).startAll()
	f.handlers[1].ignored = string(make([]byte, 256<<10))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		bulk := make([]byte, 256<<10)
		refill := time.NewTicker(time.Millisecond)
		defer refill.Stop()
		for {
			for f.hosts[0].Send(1, consensus.ClassState, bulk) {
			}
			select {
			case <-refill.C: // the queue was full, as it should be
			case <-stop:
				return
			}
		}
	}()
	eventually(t, "state flows", func() bool { return f.hosts[0].Stats().Replicas[0].Sent[consensus.ClassState].Frames > 0 })
	var worst time.Duration
	for range 200 {
		began := time.Now()
		f.hosts[0].Send(1, consensus.ClassVote, []byte("vote"))
		f.handlers[1].await(t, "frame")
		worst = max(worst, time.Since(began))
	}
	close(stop)
	<-done
	s := f.hosts[0].Stats().Replicas[0]
	t.Logf("slowest of 200 votes beside %d MB of state: %v", s.Sent[consensus.ClassState].Bytes>>20, worst)
	if worst > time.Second || s.Sent[consensus.ClassState].Frames == 0 {
		t.Errorf("a vote took %v", worst)
	}
}

// R105: what a replica is sent in bulk has a budget in bytes per second.
func TestBulkBudget(t *testing.T) {
	limits := quick()
	limits.BulkBytesPerSecond = 2 << 20
	f := newFleet(t, 4, limits).startAll()
	began := time.Now()
	for range 32 {
		f.hosts[0].Send(1, consensus.ClassState, make([]byte, 64<<10))
	}
	for range 32 {
		f.handlers[1].await(t, "frame")
	}
	// 2 MiB, of which a quarter second's worth goes at once.
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("2 MiB at 2 MiB/s took %v", took)
	}
}

// A queue is kept in order within its class, across writes of all sizes.
func TestOrderWithinAClass(t *testing.T) {
	f := newFleet(t, 4, quick()).startAll()
	sizes := []int{4, 100, 5000, 200_000, 70_000, 4, 1 << 20}
	const count = 300
	go func() {
		room := time.NewTicker(time.Millisecond)
		defer room.Stop()
		for n := range count {
			frame := make([]byte, sizes[n%len(sizes)])
			binary.BigEndian.PutUint32(frame, uint32(n))
			for !f.hosts[0].Send(1, consensus.ClassVote, frame) {
				<-room.C
			}
		}
	}()
	for n := range count {
		a := f.handlers[1].await(t, "frame")
		if got := binary.BigEndian.Uint32(a.frame); got != uint32(n) || len(a.frame) != sizes[n%len(sizes)] {
			t.Fatalf("frame %d of %d bytes came as number %d", got, len(a.frame), n)
		}
	}
}

func TestStatsAddUp(t *testing.T) {
	f := newFleet(t, 4, quick(), enrolment(0)).startAll()
	f.hosts[0].Send(1, consensus.ClassVote, make([]byte, 10))
	f.hosts[0].Send(1, consensus.ClassVote, make([]byte, 20))
	f.hosts[0].Send(1, consensus.ClassFetch, make([]byte, 5))
	for range 3 {
		f.handlers[1].await(t, "frame")
	}
	if f.hosts[0].Send(1, consensus.ClassVote, make([]byte, f.limits.Classes[consensus.ClassVote].FrameBytesMax+1)) ||
		f.hosts[0].Send(1, consensus.ClassVote, nil) || f.hosts[0].Send(0, consensus.ClassVote, []byte{1}) ||
		f.hosts[0].Send(1, consensus.Classes, []byte{1}) || f.hosts[0].Reply(99, []byte{1}) {
		t.Error("a frame was taken that cannot go anywhere")
	}
	sender, receiver := f.hosts[0].Stats(), f.hosts[1].Stats()
	sent, received := sender.Replicas[0], receiver.Replicas[0]
	if want := (Traffic{Frames: 2, Bytes: 30}); sent.Sent[consensus.ClassVote] != want || received.Received[consensus.ClassVote] != want {
		t.Errorf("votes: sent %+v, received %+v", sent.Sent, received.Received)
	}
	if sum := sender.Sum(); sum.Sent[consensus.ClassFetch].Bytes != 5 || sum.Dropped[consensus.ClassVote] != 2 ||
		sum.Dropped[consensus.ClassClient] != 1 || !sent.Connected || sent.Replica != 1 {
		t.Errorf("got %+v", sum)
	}
}
