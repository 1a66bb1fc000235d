package network

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/consensus"
)

func testQueue(l lane, limits ClassLimits) *queue {
	var all [consensus.Classes]ClassLimits
	for c := range all {
		all[c] = limits
	}
	q := new(queue)
	q.init(l, &all)
	return q
}

// R101: a queue holds what its bounds say and not a frame more.
func TestQueueBounds(t *testing.T) {
	q := testQueue(laneConsensus, ClassLimits{FrameBytesMax: 10, QueueBytesMax: 25, QueueCountMax: 4})
	for n, step := range []struct {
		class consensus.Class
		bytes int
		taken bool
	}{
		{consensus.ClassVote, 0, false},
		{consensus.ClassVote, 11, false},
		{consensus.ClassVote, 10, true},
		{consensus.ClassVote, 10, true},
		{consensus.ClassVote, 6, false},
		{consensus.ClassVote, 5, true},
		{consensus.ClassStatus, 1, true},
		{consensus.ClassStatus, 1, true},
		{consensus.ClassStatus, 1, true},
		{consensus.ClassStatus, 1, true},
		{consensus.ClassStatus, 1, false},
	} {
		if got := q.push(step.class, make([]byte, step.bytes)); got != step.taken {
			t.Errorf("step %d: taken %v", n, got)
		}
	}
	if count, bytes := q.waiting(); count != 7 || bytes != 29 {
		t.Errorf("%d frames of %d bytes wait", count, bytes)
	}
	q.end()
	if q.push(consensus.ClassVote, []byte{1}) {
		t.Error("an ended queue took a frame")
	}
	if n := len(q.take(nil, true)); n != 7 {
		t.Errorf("%d frames left to write after the end", n)
	}
	if n := len(q.take(nil, true)); n != 0 {
		t.Errorf("%d frames appeared", n)
	}
}

// R102: votes go before status, and status still moves under a flood of votes.
func TestUrgentFirstNoneStarves(t *testing.T) {
	q := testQueue(laneConsensus, ClassLimits{FrameBytesMax: 1 << 20, QueueBytesMax: 64 << 20, QueueCountMax: 1 << 20})
	for range 10 {
		q.push(consensus.ClassStatus, make([]byte, 10<<10))
	}
	status := 0
	for range 5 {
		for range 200 {
			q.push(consensus.ClassVote, make([]byte, 1<<10))
		}
		out := q.take(nil, true)
		if out[0].class != consensus.ClassVote {
			t.Fatal("status went before a vote")
		}
		votes := 0
		for _, o := range out {
			if o.class == consensus.ClassStatus {
				status++
			} else {
				votes++
			}
		}
		if votes < 60 || votes > 70 {
			t.Errorf("%d votes of 1 KiB in one turn", votes)
		}
	}
	if status != 10 {
		t.Errorf("%d status frames in five turns", status)
	}
}

// A queue is a first-in first-out list per class, whatever the order of calls.
func TestQueueIsInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := testQueue(laneBulk, ClassLimits{FrameBytesMax: 8, QueueBytesMax: 1 << 20, QueueCountMax: 1 << 16})
		var model [consensus.Classes][][]byte
		n := 0
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				c := consensus.ClassFetch + consensus.Class(rapid.IntRange(0, 1).Draw(t, "class"))
				for range rapid.IntRange(1, 2000).Draw(t, "count") {
					n++
					frame := []byte{byte(n >> 16), byte(n >> 8), byte(n)}
					if q.push(c, frame) {
						model[c] = append(model[c], frame)
					}
				}
			},
			"take": func(t *rapid.T) {
				for _, o := range q.take(nil, false) {
					if len(model[o.class]) == 0 || !bytes.Equal(o.frame, model[o.class][0]) {
						t.Fatalf("took %x out of order", o.frame)
					}
					model[o.class] = model[o.class][1:]
				}
			},
			"": func(t *rapid.T) {
				count, size := q.waiting()
				if want := len(model[consensus.ClassFetch]) + len(model[consensus.ClassState]); count != want || size != 3*want {
					t.Fatalf("%d frames of %d bytes wait, want %d", count, size, want)
				}
			},
		})
	})
}

func TestLimits(t *testing.T) {
	good := DefaultLimits()
	if err := good.validate(); err != nil {
		t.Error(err)
	}
	for n, spoil := range []func(*Limits){
		func(l *Limits) { l.Classes[consensus.ClassState].FrameBytesMax = 0 },
		func(l *Limits) { l.Reply.QueueBytesMax = l.Reply.FrameBytesMax - 1 },
		func(l *Limits) { l.Classes[0].QueueCountMax = 0 },
		func(l *Limits) { l.WindowBytesMax = 1 },
		func(l *Limits) { l.HalfOpenMax = 0 },
		func(l *Limits) { l.FrameDeadline = 0 },
		func(l *Limits) { *l = Limits{} },
	} {
		bad := DefaultLimits()
		spoil(&bad)
		if bad.validate() == nil {
			t.Errorf("limits %d were accepted", n)
		}
	}
	p := consensus.DefaultParameters()
	p.BatchBytesMax = 64 << 20
	fit := LimitsFor(&p)
	if err := fit.validate(); err != nil || fit.Classes[consensus.ClassFetch].FrameBytesMax < 64<<20 {
		t.Errorf("%v, %+v", err, fit.Classes[consensus.ClassFetch])
	}
	if l := DefaultLimits(); l.BytesMax(4)-l.BytesMax(3) < uint64(l.Classes[0].QueueBytesMax) {
		t.Error("another replica costs no memory")
	}
}
