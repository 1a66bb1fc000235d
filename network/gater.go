package network

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/control"
	p2p "github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// access says who may come in.
type access interface {
	admit(peer.ID) bool       // may it connect to us now?
	replica(peer.ID) bool     // is it a replica of the group?
	houses(netip.Prefix) bool // is it the address of a replica?
}

// nobody is the access of a process that only dials.
type nobody struct{}

func (nobody) admit(peer.ID) bool   { return false }
func (nobody) replica(peer.ID) bool { return true }

func (nobody) houses(netip.Prefix) bool { return false }

// A gater refuses strangers: by rate before the handshake, by key after it (R104).
// The dialer of a refused connection has its own handshake behind it by then, so
// only an answered hello means that one was let in.
type gater struct {
	access access
	limits *Limits

	byRate, byKey atomic.Uint64

	mu      sync.Mutex
	sources map[netip.Prefix]*bucket
	others  bucket // shared by all sources beyond sourcesMax
}

// sourcesMax bounds the table of source addresses.
const sourcesMax = 4096

func newGater(a access, limits *Limits) *gater {
	return &gater{
		access: a, limits: limits, sources: map[netip.Prefix]*bucket{},
		others: newBucket(limits.HandshakesPerSecond, limits.HandshakesBurst),
	}
}

// InterceptAccept bounds the handshakes that one address can make us pay for.
func (g *gater) InterceptAccept(c p2p.ConnMultiaddrs) bool {
	source, err := sourceOf(c.RemoteMultiaddr())
	if err != nil || !g.take(source) {
		g.byRate.Add(1)
		return false
	}
	return true
}

// sourceOf is what counts as one source of connections.
func sourceOf(a ma.Multiaddr) (netip.Prefix, error) {
	ip, err := manet.ToIP(a)
	if err != nil {
		return netip.Prefix{}, err
	}
	addr, _ := netip.AddrFromSlice(ip)
	addr = addr.Unmap()
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64 // one host owns as many addresses of its network as it likes
	}
	return addr.Prefix(bits)
}

func (g *gater) take(source netip.Prefix) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.sources[source]
	if b == nil {
		if len(g.sources) >= sourcesMax {
			g.forget()
		}
		if len(g.sources) >= sourcesMax {
			return g.others.take(1)
		}
		b = new(bucket)
		*b = newBucket(g.limits.HandshakesPerSecond, g.limits.HandshakesBurst)
		g.sources[source] = b
	}
	return b.take(1)
}

// forget drops sources that have been quiet for long enough to start afresh.
func (g *gater) forget() {
	now := instant()
	for source, b := range g.sources {
		if b.fill(now); b.level >= b.burst {
			delete(g.sources, source)
		}
	}
}

// InterceptSecured lets in whom the group lists.
func (g *gater) InterceptSecured(dir p2p.Direction, id peer.ID, _ p2p.ConnMultiaddrs) bool {
	if dir == p2p.DirOutbound || g.access.admit(id) {
		return true
	}
	g.byKey.Add(1)
	return false
}

// InterceptPeerDial allows: only configured replicas are dialed.
func (g *gater) InterceptPeerDial(peer.ID) bool { return true }

// InterceptAddrDial allows, for the same reason.
func (g *gater) InterceptAddrDial(peer.ID, ma.Multiaddr) bool { return true }

// InterceptUpgraded allows: InterceptSecured has decided.
func (g *gater) InterceptUpgraded(p2p.Conn) (bool, control.DisconnectReason) { return true, 0 }
