package network

import (
	"errors"
	"sync"
	"sync/atomic"

	p2p "github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// resources bounds what libp2p may take on for others: incoming connections,
// handshakes under way, and the receive windows that yamux grows. Its defaults
// would refuse the 152nd stream, and know neither replicas nor clients.
type resources struct {
	p2p.NullResourceManager
	access         access
	limits         *Limits
	connectionsMax int64

	connections atomic.Int64 // incoming
	halfOpen    atomic.Int64
	refused     atomic.Uint64
}

var errLimit = errors.New("network: at the limit")

// OpenConnection admits an incoming connection before its handshake (R104).
func (r *resources) OpenConnection(dir p2p.Direction, _ bool, _ ma.Multiaddr) (p2p.ConnManagementScope, error) {
	s := &connScope{resources: r}
	if dir == p2p.DirOutbound {
		return s, nil
	}
	s.inbound, s.open, s.counted = true, true, true
	connections, halfOpen := r.connections.Add(1), r.halfOpen.Add(1)
	if connections > r.connectionsMax || halfOpen > int64(r.limits.HalfOpenMax) {
		s.Done()
		r.refused.Add(1)
		return nil, errLimit
	}
	return s, nil
}

type connScope struct {
	p2p.NullScope
	resources *resources
	inbound   bool

	mu      sync.Mutex
	open    bool // counted among connections
	counted bool // counted among halfOpen
	peer    *peerScope
}

// SetPeer ends the handshake.
func (s *connScope) SetPeer(id peer.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	s.peer = &peerScope{id: id, spare: int64(lanes) * int64(s.resources.limits.WindowBytesMax-windowBytesMin)}
	if s.inbound && !s.resources.access.replica(id) {
		// A client's windows stay as small as yamux makes them, or clients
		// alone could make us hold gigabytes (R101).
		s.peer.spare = 0
	}
	return nil
}

func (s *connScope) settle() {
	if s.counted {
		s.counted = false
		s.resources.halfOpen.Add(-1)
	}
}

// PeerScope is nil before SetPeer, by the contract of libp2p.
func (s *connScope) PeerScope() p2p.PeerScope {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peer == nil {
		return nil
	}
	return s.peer
}

// Done may be called more than once.
func (s *connScope) Done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	if s.open {
		s.open = false
		s.resources.connections.Add(-1)
	}
}

// A peerScope bounds by how much the receive windows of one connection grow.
type peerScope struct {
	p2p.NullScope
	id    peer.ID
	mu    sync.Mutex
	spare int64
}

func (s *peerScope) Peer() peer.ID { return s.id }

// BeginSpan is what yamux reserves one stream's window from.
func (s *peerScope) BeginSpan() (p2p.ResourceScopeSpan, error) { return &span{scope: s}, nil }

type span struct {
	p2p.NullScope
	scope *peerScope
	taken int64
}

// ReserveMemory always grants the first window of a stream: yamux would end the
// connection without it, and streamsMax bounds them already.
func (s *span) ReserveMemory(size int, priority uint8) error {
	if priority == p2p.ReservationPriorityAlways {
		return nil
	}
	s.scope.mu.Lock()
	defer s.scope.mu.Unlock()
	if int64(size) > s.scope.spare {
		return errLimit
	}
	s.scope.spare -= int64(size)
	s.taken += int64(size)
	return nil
}

// Done ends the stream. yamux returns nothing before.
func (s *span) Done() {
	s.scope.mu.Lock()
	defer s.scope.mu.Unlock()
	s.scope.spare += s.taken
	s.taken = 0
}
