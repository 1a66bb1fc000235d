package network

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"syscall"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// Config is what a replica's Host needs.
type Config struct {
	Seed     crypto.Seed   // transport identity; not the key that signs
	Group    crypto.Digest // group id: remotes with another one are refused (R8)
	Self     consensus.ReplicaID
	Listen   string                // multiaddr; port 0 takes a free one
	Replicas []Remote              // all of the group, this one too
	Clients  []consensus.Enrolment // let in from the start
	Limits   Limits                // start from DefaultLimits
	Logger   *slog.Logger          // nil discards
}

// A ConnID names one connection of a client, for Reply. It is never used again.
type ConnID uint64

// A Handler takes what arrives at a Host. FromReplica and FromClient are called
// by one goroutine per lane, and own the frame; while they block, nothing more is
// read from that lane and the remote comes to a halt. A panic in them cuts the
// remote off (R107).
type Handler interface {
	// FromReplica gives a frame that another replica sent, in order within its class.
	FromReplica(from consensus.ReplicaID, class consensus.Class, frame []byte)
	// FromClient gives a frame of a client that was enrolled when it connected.
	FromClient(conn ConnID, client consensus.ClientID, frame []byte)
	// ReplicaUp says that all lanes to a replica are up: Send reaches it. Its first
	// frames may come a moment earlier. It does not block.
	ReplicaUp(consensus.ReplicaID)
	// ReplicaDown ends what ReplicaUp began. It does not block.
	ReplicaDown(consensus.ReplicaID)
	// ClientGone says that a connection, of which at least one frame may have come,
	// is no more. It does not block.
	ClientGone(ConnID)
}

// A Host is a replica's place on the network. All methods are safe for
// concurrent use.
type Host struct {
	*endpoint
	self    consensus.ReplicaID
	handler Handler
	remotes map[consensus.ReplicaID]*remote // without self; fixed
	byPeer  map[peer.ID]*remote             // the same; fixed
	ids     []consensus.ReplicaID           // the same, ascending

	clients   *clients
	listening string
	closing   sync.Once
	closeErr  error
}

// Listen starts a Host: it accepts connections, and dials the replicas with a
// lower id, until Close. The error holds ErrAddressInUse if the address is taken.
func Listen(cfg Config, h Handler) (*Host, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := cfg.Limits.validate(); err != nil {
		return nil, err
	}
	listen, err := parseAddress(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("network: listen %w", err)
	}
	lowerToDescriptors(&cfg.Limits, len(cfg.Replicas), cfg.Logger)
	host := &Host{self: cfg.Self, handler: h, remotes: map[consensus.ReplicaID]*remote{}, byPeer: map[peer.ID]*remote{}}
	if err := host.know(&cfg); err != nil {
		return nil, err
	}
	host.endpoint, err = newEndpoint(endpointConfig{
		seed: cfg.Seed, group: cfg.Group, limits: &cfg.Limits, log: cfg.Logger, access: host,
		inMax: cfg.Limits.ClientConnectionsMax + replicaConnectionsMax*len(cfg.Replicas) + cfg.Limits.HalfOpenMax,
	})
	if err != nil {
		return nil, err
	}
	host.swarm.SetStreamHandler(host.onStream)
	if err := host.swarm.AddListenAddr(listen); err != nil {
		_ = host.close()
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("network: listen on %s: %w; stop the other process or choose another port", cfg.Listen, ErrAddressInUse)
		}
		return nil, fmt.Errorf("network: listen on %s: %w", cfg.Listen, err)
	}
	host.listening = host.swarm.ListenAddresses()[0].String()
	host.log.Info("listening", "address", host.listening, "client_connections_max", cfg.Limits.ClientConnectionsMax,
		"bytes_max", cfg.Limits.BytesMax(len(host.ids)))
	for _, id := range host.ids {
		if id < host.self {
			host.keep(host.remotes[id])
		}
	}
	return host, nil
}

// know fills in who the others are.
func (h *Host) know(cfg *Config) error {
	targets, err := newTargets(cfg.Replicas)
	if err != nil {
		return err
	}
	id, err := newIdentity(cfg.Seed)
	if err != nil {
		return err
	}
	listed := false
	for _, t := range targets {
		if t.ID == cfg.Self {
			listed = t.peer == id.peer
			continue
		}
		r := &remote{host: h, target: t, hellos: newBucket(cfg.Limits.HellosPerSecond, 3*cfg.Limits.HellosPerSecond)}
		h.remotes[t.ID], h.byPeer[t.peer] = r, r
		h.ids = append(h.ids, t.ID)
	}
	if !listed {
		return fmt.Errorf("network: the transport key does not belong to replica %d; compare the key file with the group file", cfg.Self)
	}
	slices.Sort(h.ids)
	h.clients = newClients(h, &cfg.Limits)
	return h.clients.set(cfg.Clients)
}

// Addr is the address that the Host listens on, with its real port.
func (h *Host) Addr() string { return h.listening }

// Send queues a frame of 1 byte up to the class's limit for another replica. It
// never blocks. false means dropped, and counted: the replica is not connected,
// the queue of the class is full, or the frame too long. The frame is not
// changed, and may be sent to several replicas at once.
func (h *Host) Send(to consensus.ReplicaID, class consensus.Class, frame []byte) bool {
	r := h.remotes[to]
	if r == nil || class >= consensus.Classes {
		return false
	}
	k := r.links[laneOf(class)].Load()
	if k == nil {
		r.count.dropped[class].Add(1)
		return false
	}
	return k.send(class, frame)
}

// Reply queues a frame for a client, as Send does.
func (h *Host) Reply(conn ConnID, frame []byte) bool { return h.clients.reply(conn, frame) }

// SetClients replaces the clients that are let in. Those that are missing are
// cut off.
func (h *Host) SetClients(enrolled []consensus.Enrolment) error { return h.clients.set(enrolled) }

// CutOff closes the connection to a replica that sent what no correct one sends,
// and keeps it away for a while.
func (h *Host) CutOff(id consensus.ReplicaID) {
	if r := h.remotes[id]; r != nil {
		r.cut(ReasonGarbage)
	}
}

// CutOffClient does the same to a client: to all its connections.
func (h *Host) CutOffClient(conn ConnID) { h.clients.cutOff(conn) }

// Stats returns what passed so far.
func (h *Host) Stats() Stats {
	s := Stats{
		HalfOpen:       int(h.resources.halfOpen.Load()),
		RefusedByRate:  h.gater.byRate.Load(),
		RefusedByLimit: h.resources.refused.Load(),
		RefusedByKey:   h.gater.byKey.Load(),
	}
	for _, id := range h.ids {
		s.Replicas = append(s.Replicas, h.remotes[id].stats())
	}
	s.Clients, s.ClientConnections = h.clients.stats()
	return s
}

// Close stops accepting and dialing, writes out what waits for at most
// CloseDeadline, and returns when no goroutine of the Host is left. Handlers may
// be called until then.
func (h *Host) Close() error {
	h.closing.Do(func() { h.closeErr = h.close() })
	return h.closeErr
}

// houses implements access. A replica whose address is a name counts as any other
// source.
func (h *Host) houses(source netip.Prefix) bool {
	for _, id := range h.ids {
		if at, err := sourceOf(h.remotes[id].target.addr); err == nil && at == source {
			return true
		}
	}
	return false
}

// admit implements access.
func (h *Host) admit(id peer.ID) bool {
	if r := h.byPeer[id]; r != nil {
		// The other direction is ours to dial: two connections between two
		// replicas would be two orders of frames.
		return r.target.ID > h.self && !r.penalty.active() && h.connections(id) < replicaConnectionsMax
	}
	return h.clients.admit(id) && h.connections(id) < 2*h.limits.ConnectionsPerClientMax
}

// replicaConnectionsMax lets a replica that restarted in while its former
// connections are dying.
const replicaConnectionsMax = 4

func (h *Host) connections(id peer.ID) int { return len(h.swarm.ConnsToPeer(id)) }

// replica implements access.
func (h *Host) replica(id peer.ID) bool { return h.byPeer[id] != nil }
