package network

import (
	"sync"

	"github.com/varangian-bft/varangian/consensus"
)

// An outgoing frame, as the writer takes it.
type outgoing struct {
	class consensus.Class
	frame []byte
}

// A queue holds what waits to be written to one lane. Any goroutine pushes, one
// takes.
type queue struct {
	limits *[consensus.Classes]ClassLimits
	lane   lane
	shared *budget // of what waits beyond ownBytes; nil with replicas, whose queues are their own

	mu      sync.Mutex
	filled  sync.Cond
	classes [2]fifo // by rank in laneClasses
	ended   bool    // nothing more is taken in
}

type fifo struct {
	frames [][]byte
	head   int
	bytes  int
}

func (f *fifo) count() int { return len(f.frames) - f.head }

func (q *queue) init(l lane, limits *[consensus.Classes]ClassLimits) {
	q.lane, q.limits = l, limits
	q.filled.L = &q.mu
}

// bytes is what waits, of both classes.
func (q *queue) bytes() int { return q.classes[0].bytes + q.classes[1].bytes }

func (q *queue) fifo(c consensus.Class) *fifo {
	if c == laneClasses[q.lane][0] {
		return &q.classes[0]
	}
	return &q.classes[1]
}

// push takes a frame in, or refuses it at the bound of its class.
func (q *queue) push(c consensus.Class, frame []byte) bool {
	limit := &q.limits[c]
	if len(frame) == 0 || len(frame) > limit.FrameBytesMax {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	f := q.fifo(c)
	if q.ended || f.count() >= limit.QueueCountMax || f.bytes+len(frame) > limit.QueueBytesMax {
		return false
	}
	if bytes := q.bytes(); !q.shared.take(beyondOwn(bytes+len(frame)) - beyondOwn(bytes)) {
		return false
	}
	f.frames = append(f.frames, frame)
	f.bytes += len(frame)
	q.filled.Signal()
	return true
}

const (
	// quantumUrgent is how much of a lane's urgent class goes before the other
	// class gets its turn: urgent traffic has priority and cannot starve it (R102).
	quantumUrgent = 64 << 10
	quantumOther  = 16 << 10
)

// take appends the next frames to out. If there are none it waits when asked to.
// It returns none only if nothing waits, or if the queue ended and is empty.
func (q *queue) take(out []outgoing, wait bool) []outgoing {
	q.mu.Lock()
	defer q.mu.Unlock()
	for wait && !q.ended && q.classes[0].count()+q.classes[1].count() == 0 {
		q.filled.Wait()
	}
	before := q.bytes()
	out = q.classes[0].take(out, laneClasses[q.lane][0], quantumUrgent)
	if len(laneClasses[q.lane]) > 1 {
		out = q.classes[1].take(out, laneClasses[q.lane][1], quantumOther)
	}
	q.shared.give(beyondOwn(before) - beyondOwn(q.bytes()))
	return out
}

// take appends frames until a quantum is reached, at least one if there is one.
func (f *fifo) take(out []outgoing, c consensus.Class, quantum int) []outgoing {
	for n := 0; f.head < len(f.frames) && n < quantum; f.head++ {
		frame := f.frames[f.head]
		f.frames[f.head] = nil
		n += len(frame) + headerBytes
		f.bytes -= len(frame)
		out = append(out, outgoing{class: c, frame: frame})
	}
	switch {
	case f.head == len(f.frames):
		f.frames, f.head = f.frames[:0], 0
	case f.head >= 1024 && f.head*2 >= len(f.frames):
		n := copy(f.frames, f.frames[f.head:])
		clear(f.frames[n:])
		f.frames, f.head = f.frames[:n], 0
	}
	return out
}

// end refuses further frames and wakes the writer, which may still take what
// waits.
func (q *queue) end() {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	q.filled.Broadcast()
}

// waiting returns how many frames and bytes wait.
func (q *queue) waiting() (count, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.classes {
		count += q.classes[i].count()
	}
	return count, q.bytes()
}

// empty drops what waits and returns how much that was, per class rank.
func (q *queue) empty() (dropped [2]int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.shared.give(beyondOwn(q.bytes()))
	for i := range q.classes {
		dropped[i] = q.classes[i].count()
		q.classes[i] = fifo{}
	}
	return dropped
}
