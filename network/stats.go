package network

import (
	"sync/atomic"
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// Traffic counts frames and their payload bytes.
type Traffic struct{ Frames, Bytes uint64 }

// RemoteStats is what passed between this process and one replica since the
// start, or for the clients the sum over all of them.
type RemoteStats struct {
	Replica     consensus.ReplicaID // of no meaning for the clients
	Connected   bool                // for the clients: at least one is
	QueuedCount int                 // frames that wait to be written
	QueuedBytes int
	Sent        [consensus.Classes]Traffic // handed to the operating system
	Received    [consensus.Classes]Traffic
	Dropped     [consensus.Classes]uint64 // frames that Send or Reply refused, or that a broken lane lost
	Ended       [Reasons]uint64           // lanes and attempts that ended, by reason; refused hellos too
	Last        Reason                    // the latest of them but ReasonDial
	CutOffUntil time.Time                 // in the past unless it is cut off now
}

// Stats is a picture of a Host. Its parts are read one after the other.
type Stats struct {
	Replicas          []RemoteStats // the others, by id
	Clients           RemoteStats
	ClientConnections int
	HalfOpen          int    // incoming handshakes under way
	RefusedByRate     uint64 // connections closed unread: too many handshakes from their address
	RefusedByLimit    uint64 // connections closed unread: HalfOpenMax or the connection limit
	RefusedByKey      uint64 // handshakes by keys that are not listed, or that are cut off
}

// Sum adds up all replicas and the clients.
func (s *Stats) Sum() RemoteStats {
	sum := s.Clients
	for i := range s.Replicas {
		sum.add(&s.Replicas[i])
	}
	return sum
}

func (r *RemoteStats) add(o *RemoteStats) {
	r.Connected = r.Connected || o.Connected
	r.QueuedCount += o.QueuedCount
	r.QueuedBytes += o.QueuedBytes
	for c := range r.Sent {
		r.Sent[c].Frames += o.Sent[c].Frames
		r.Sent[c].Bytes += o.Sent[c].Bytes
		r.Received[c].Frames += o.Received[c].Frames
		r.Received[c].Bytes += o.Received[c].Bytes
		r.Dropped[c] += o.Dropped[c]
	}
	for i := range r.Ended {
		r.Ended[i] += o.Ended[i]
	}
}

// counters are the live form of RemoteStats.
type counters struct {
	sent, received [consensus.Classes]struct{ frames, bytes atomic.Uint64 }
	dropped        [consensus.Classes]atomic.Uint64
	ended          [Reasons]atomic.Uint64
	last           atomic.Uint32
}

func (c *counters) end(r Reason) {
	c.ended[r].Add(1)
	if r != ReasonDial {
		c.last.Store(uint32(r))
	}
}

func (c *counters) read() (s RemoteStats) {
	for i := range s.Sent {
		s.Sent[i] = Traffic{c.sent[i].frames.Load(), c.sent[i].bytes.Load()}
		s.Received[i] = Traffic{c.received[i].frames.Load(), c.received[i].bytes.Load()}
		s.Dropped[i] = c.dropped[i].Load()
	}
	for i := range s.Ended {
		s.Ended[i] = c.ended[i].Load()
	}
	s.Last = Reason(c.last.Load())
	return s
}
