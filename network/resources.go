package network

import (
	"errors"
	"net/netip"
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

	mu      sync.Mutex
	sources map[netip.Prefix]*places
}

// places are what one source of incoming connections holds.
type places struct{ halfOpen, live int }

var errLimit = errors.New("network: at the limit")

// OpenConnection admits an incoming connection before its handshake (R104).
func (r *resources) OpenConnection(dir p2p.Direction, _ bool, from ma.Multiaddr) (p2p.ConnManagementScope, error) {
	s := &connScope{resources: r}
	if dir == p2p.DirOutbound {
		return s, nil
	}
	source, err := sourceOf(from)
	if err != nil {
		return nil, err
	}
	s.source, s.inbound, s.open, s.counted = source, true, true, true
	connections, fits := r.connections.Add(1), r.begin(source)
	if connections > r.connectionsMax || !fits {
		s.Done()
		r.refused.Add(1)
		return nil, errLimit
	}
	return s, nil
}

// begin counts a connection as half open, and reports whether there is a place for it.
// A quarter of the places is kept for the addresses of replicas, so that whatever
// strangers hold, replicas find each other again. Of the rest one source may have an
// eighth of all places, and half of them if somebody who is listed came from there.
func (r *resources) begin(source netip.Prefix) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.sources[source]
	if p == nil {
		if r.sources == nil {
			r.sources = map[netip.Prefix]*places{}
		}
		p = &places{}
		r.sources[source] = p
	}
	p.halfOpen++
	total, most := int(r.halfOpen.Add(1)), r.limits.HalfOpenMax
	if r.access.houses(source) {
		return total <= most
	}
	share := most / 8
	if p.live > 0 {
		share = most / 2
	}
	return total <= max(most-most/4, 1) && p.halfOpen <= max(share, 1)
}

// change moves a connection of a source on.
func (r *resources) change(source netip.Prefix, halfOpen, live int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.sources[source]
	p.halfOpen, p.live = p.halfOpen+halfOpen, p.live+live
	if *p == (places{}) {
		delete(r.sources, source)
	}
	r.halfOpen.Add(int64(halfOpen))
}

type connScope struct {
	p2p.NullScope
	resources *resources
	inbound   bool
	source    netip.Prefix // if inbound

	mu      sync.Mutex
	open    bool // counted among connections
	counted bool // counted among halfOpen
	live    bool // counted among the live ones of its source
	peer    *peerScope
}

// SetPeer ends the handshake.
func (s *connScope) SetPeer(id peer.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counted {
		s.counted, s.live = false, true
		s.resources.change(s.source, -1, 1)
	}
	s.peer = &peerScope{id: id, spare: int64(lanes) * int64(s.resources.limits.WindowBytesMax-windowBytesMin)}
	if s.inbound && !s.resources.access.replica(id) {
		// A client's windows stay as small as yamux makes them, or clients
		// alone could make us hold gigabytes (R101).
		s.peer.spare = 0
	}
	return nil
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
	switch {
	case s.counted:
		s.counted = false
		s.resources.change(s.source, -1, 0)
	case s.live:
		s.live = false
		s.resources.change(s.source, 0, -1)
	}
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
