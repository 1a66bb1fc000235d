package network

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	p2p "github.com/libp2p/go-libp2p/core/network"

	"github.com/varangian-bft/varangian/consensus"
)

// A link is a lane that is up: the stream, its queue, one goroutine that reads
// and one that writes.
type link struct {
	lane   lane
	stream p2p.Stream
	limits *Limits
	in     *[consensus.Classes]ClassLimits // of what is read
	count  *counters
	queue  queue

	arriving *budget

	frames bucket
	bulk   bucket

	reading atomic.Int64 // instant at which the frame now arriving began; 0 between frames
	writing atomic.Int64 // instant at which the write under way began; 0 if none is

	once  sync.Once
	done  chan struct{}
	cause Reason // why it ended, set before done is closed
	err   error
}

// A linkConfig says what is the same for many links.
type linkConfig struct {
	limits  *Limits
	in, out *[consensus.Classes]ClassLimits // of what is read, and queued
	count   *counters

	arriving, waiting *budget // of frames that arrive, and that are queued; nil with replicas
}

func newLink(l lane, s p2p.Stream, c linkConfig) *link {
	limits := c.limits
	k := &link{
		lane: l, stream: s, limits: limits, in: c.in, count: c.count, arriving: c.arriving, done: make(chan struct{}),
		frames: newBucket(limits.FramesPerSecondMax, 4*limits.FramesPerSecondMax),
		bulk:   newBucket(limits.BulkBytesPerSecond, limits.BulkBytesPerSecond/4),
	}
	k.queue.init(l, c.out)
	k.queue.shared = c.waiting
	return k
}

// send queues a frame, or drops it and counts that.
func (k *link) send(c consensus.Class, frame []byte) bool {
	if k.queue.push(c, frame) {
		return true
	}
	k.count.dropped[c].Add(1)
	return false
}

// cut ends the link at once, from any goroutine, without blocking. The first
// reason counts.
func (k *link) cut(r Reason, err error) {
	k.once.Do(func() {
		k.cause, k.err = r, err
		close(k.done)
		k.queue.end()
		// Not Reset: that may wait until a stalled connection takes it.
		_ = k.stream.SetDeadline(time.Unix(1, 0))
	})
}

// finish lets the writer write out what waits and then say good-bye; the link
// ends when the remote does the same.
func (k *link) finish() { k.queue.end() }

// serve reads frames and hands them to deliver, until the link ends; then
// nothing of it is left but the connection.
func (k *link) serve(deliver func(consensus.Class, []byte)) (Reason, error) {
	written := make(chan struct{})
	go func() {
		defer close(written)
		if err := k.write(); err != nil {
			k.cut(reasonOf(err), err)
		}
	}()
	r, err := k.read(deliver)
	if r == ReasonClosed {
		// What the remote asked for before its good-bye is still answered.
		k.finish()
		select {
		case <-written:
		case <-time.After(k.limits.CloseDeadline):
		}
	}
	k.cut(r, err)
	<-written
	if k.cause == ReasonClosed {
		_ = k.stream.Close() // a reset could overtake the last frames
	} else {
		_ = k.stream.Reset()
	}
	for rank, n := range k.queue.empty() {
		if n > 0 {
			k.count.dropped[laneClasses[k.lane][rank]].Add(uint64(n))
		}
	}
	return k.cause, k.err
}

// Buffers are held only while bytes flow, so that idle clients cost none.
var (
	readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, bufferBytes) }}
	writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, bufferBytes) }}
)

const bufferBytes = 64 << 10

func (k *link) read(deliver func(consensus.Class, []byte)) (r Reason, err error) {
	defer func() {
		if p := recover(); p != nil { // R107
			r, err = ReasonPanic, fmt.Errorf("panic: %v", p)
		}
	}()
	var head header
	for {
		if _, err := io.ReadFull(k.stream, head[:]); err != nil {
			return reasonOf(err), err
		}
		if r, err := k.burst(head, deliver); r != ReasonNone {
			return r, err
		}
	}
}

// burst reads the frame of a header, and those that follow without a pause.
func (k *link) burst(head header, deliver func(consensus.Class, []byte)) (Reason, error) {
	in := readers.Get().(*bufio.Reader)
	in.Reset(k.stream)
	defer func() {
		in.Reset(nil)
		readers.Put(in)
	}()
	for count := 1; ; count++ {
		class, length, r := head.check(k.lane, k.in)
		if r != ReasonNone {
			return r, nil
		}
		if in.Buffered() < length {
			k.reading.Store(instant())
		}
		if count%framesPerCheck == 0 && !k.frames.take(framesPerCheck) {
			return ReasonFlood, nil
		}
		if r, err := k.frame(in, class, length, deliver); r != ReasonNone {
			return r, err
		}
		if in.Buffered() == 0 {
			if !k.frames.take(count % framesPerCheck) {
				return ReasonFlood, nil
			}
			return ReasonNone, nil
		}
		if in.Buffered() < headerBytes {
			k.reading.Store(instant())
		}
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return reasonOf(err), err
		}
	}
}

// frame reads a payload and hands it over.
func (k *link) frame(in *bufio.Reader, class consensus.Class, length int, deliver func(consensus.Class, []byte)) (Reason, error) {
	held := 0
	defer func() { k.arriving.give(held) }()
	payload, err := readPayload(in, length, func(size int) bool {
		// Memory follows the bytes that arrive, and so do the deadline, so that a slow
		// link may carry long frames, and the share of what all clients have: a length
		// alone claims nothing (R103, R104).
		k.reading.Store(instant())
		more := beyondOwn(size) - held
		if !k.arriving.take(more) {
			return false
		}
		held += more
		return true
	})
	if err != nil {
		return reasonOf(err), err
	}
	k.reading.Store(0)
	k.count.received[class].frames.Add(1)
	k.count.received[class].bytes.Add(uint64(length))
	deliver(class, payload)
	return ReasonNone, nil
}

// framesPerCheck spares the clock while many frames arrive at once.
const framesPerCheck = 256

// write writes what is queued until the queue ends. Frames that wait together
// leave together, which costs a twentieth of writing each.
func (k *link) write() error {
	var batch []outgoing
	for {
		batch = k.queue.take(batch[:0], true)
		if len(batch) == 0 {
			select {
			case <-k.done:
				return nil
			default:
				return k.stream.CloseWrite()
			}
		}
		wait, err := k.drain(&batch)
		if err != nil {
			return err
		}
		if wait > 0 {
			select {
			case <-time.After(wait):
			case <-k.done:
			}
		}
	}
}

// drain writes a batch and all that is queued meanwhile, and flushes. It returns
// how long the budget of the lane asks to wait (R105).
func (k *link) drain(batch *[]outgoing) (wait time.Duration, err error) {
	out := writers.Get().(*bufio.Writer)
	out.Reset(k)
	defer func() {
		k.writing.Store(0)
		out.Reset(nil)
		writers.Put(out)
		if cap(*batch) > 1024 {
			*batch = nil
		}
	}()
	for len(*batch) > 0 && wait == 0 {
		bytes, err := k.put(out, *batch)
		if err != nil {
			return 0, err
		}
		clear(*batch)
		*batch = (*batch)[:0]
		if k.lane == laneBulk {
			wait = k.bulk.spend(bytes)
		}
		if wait == 0 {
			*batch = k.queue.take(*batch, false)
		}
	}
	return wait, out.Flush()
}

// put writes the frames of a batch, counts them, and returns their bytes.
func (k *link) put(out *bufio.Writer, batch []outgoing) (bytes int, err error) {
	var sent [consensus.Classes]Traffic
	for _, o := range batch {
		head := headerOf(o.class, len(o.frame))
		if _, err := out.Write(head[:]); err != nil {
			return 0, err
		}
		if _, err := out.Write(o.frame); err != nil {
			return 0, err
		}
		sent[o.class].Frames++
		sent[o.class].Bytes += uint64(len(o.frame))
		bytes += len(o.frame)
	}
	for c := range sent {
		if sent[c].Frames > 0 {
			k.count.sent[c].frames.Add(sent[c].Frames)
			k.count.sent[c].bytes.Add(sent[c].Bytes)
		}
	}
	return bytes, nil
}

// Write writes to the stream in steps, each of which has its deadline.
func (k *link) Write(p []byte) (n int, err error) {
	for err == nil && n < len(p) {
		k.writing.Store(instant())
		var step int
		step, err = k.stream.Write(p[n:min(len(p), n+bufferBytes)])
		n += step
	}
	return n, err
}

// watch cuts the link if a frame takes too long to arrive or to be taken (R104).
func (k *link) watch(now int64) {
	if at := k.reading.Load(); at != 0 && now-at > int64(k.limits.FrameDeadline) {
		k.cut(ReasonSlow, nil)
	}
	if at := k.writing.Load(); at != 0 && now-at > int64(k.limits.WriteDeadline) {
		k.cut(ReasonStuck, nil)
	}
}

func reasonOf(err error) Reason {
	switch {
	case errors.Is(err, io.EOF):
		return ReasonClosed
	case errors.Is(err, errFull):
		return ReasonFull
	}
	return ReasonLost
}
