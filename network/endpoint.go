package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	tls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"github.com/varangian-bft/varangian/crypto"
)

// An endpoint is what a Host and a Dialer have in common: a swarm that speaks
// TCP, TLS 1.3 and yamux and nothing else, and the links that are up.
type endpoint struct {
	swarm     *swarm.Swarm
	peers     peerstore.Peerstore
	resources *resources
	gater     *gater
	limits    *Limits
	group     crypto.Digest
	log       *slog.Logger

	ctx    context.Context // ends when Close begins
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	links  map[*link]struct{}
	tasks  sync.WaitGroup // none is added once closed is set
}

type endpointConfig struct {
	seed   crypto.Seed
	group  crypto.Digest
	limits *Limits
	log    *slog.Logger
	access access
	inMax  int // incoming connections
}

func newEndpoint(c endpointConfig) (*endpoint, error) {
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	p2pLog.set(c.log.Handler())
	id, err := newIdentity(c.seed)
	if err != nil {
		return nil, err
	}
	e := &endpoint{
		limits: c.limits, group: c.group, log: c.log, links: map[*link]struct{}{},
		gater:     newGater(c.access, c.limits),
		resources: &resources{access: c.access, limits: c.limits, connectionsMax: int64(c.inMax)},
	}
	if e.peers, err = pstoremem.NewPeerstore(); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	if err := e.build(id); err != nil {
		_ = e.peers.Close()
		return nil, fmt.Errorf("network: %w", err)
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.task(e.watch)
	return e, nil
}

// build puts the libp2p stack together by hand. libp2p.New would add identify,
// which tells every remote our addresses, and a hundred packages; a blank host
// would add a negotiation per stream that has no deadline (R104).
func (e *endpoint) build(id identity) error {
	if err := e.peers.AddPrivKey(id.peer, id.key); err != nil {
		return err
	}
	mux := *yamux.DefaultTransport
	// With the same interval both sides would ask at the same moment, for ever. The
	// one that asks first spares the other the question.
	mux.KeepAliveInterval = e.limits.KeepAlive - rand.N(e.limits.KeepAlive/4+1)
	mux.ConnectionWriteTimeout = e.limits.AnswerMax
	mux.MaxStreamWindowSize = uint32(e.limits.WindowBytesMax)
	mux.MaxIncomingStreams = streamsMax
	mux.AcceptBacklog = int(streamsMax)
	mux.LogOutput = io.Discard
	muxers := []upgrader.StreamMuxer{{ID: yamux.ID, Muxer: &mux}}
	secure, err := tls.New(tls.ID, id.key, muxers)
	if err != nil {
		return err
	}
	up, err := upgrader.New([]sec.SecureTransport{secure}, muxers, nil, e.resources, e.gater,
		upgrader.WithAcceptTimeout(e.limits.HelloDeadline))
	if err != nil {
		return err
	}
	e.swarm, err = swarm.NewSwarm(id.peer, e.peers, eventbus.NewBus(),
		swarm.WithConnectionGater(e.gater), swarm.WithResourceManager(e.resources),
		swarm.WithDialTimeout(e.limits.DialDeadline), swarm.WithDialTimeoutLocal(e.limits.DialDeadline),
		swarm.WithDialRanker(swarm.NoDelayDialRanker),
		swarm.WithUDPBlackHoleSuccessCounter(nil), swarm.WithIPv6BlackHoleSuccessCounter(nil))
	if err != nil {
		return err
	}
	// With port reuse a second process could listen on the same address unnoticed.
	transport, err := tcp.NewTCPTransport(up, e.resources, nil, tcp.DisableReuseport(),
		tcp.WithConnectionTimeout(e.limits.DialDeadline))
	if err == nil {
		err = e.swarm.AddTransport(transport)
	}
	if err != nil {
		_ = e.swarm.Close()
	}
	return err
}

// streamsMax is how many streams one connection may have; yamux resets others.
// Lanes may overlap for a moment when they are opened anew.
const streamsMax = 2 * uint32(lanes)

// learn makes a target known to the swarm, so that it can be dialed.
func (e *endpoint) learn(t target) {
	e.peers.AddAddr(t.peer, t.addr, peerstore.PermanentAddrTTL)
}

// task runs f in a goroutine that Close waits for, or not at all once Close has
// begun.
func (e *endpoint) task(f func()) {
	if !e.enter() {
		return
	}
	go func() {
		defer e.tasks.Done()
		f()
	}()
}

// enter makes the calling goroutine one that Close waits for, until it calls
// tasks.Done.
func (e *endpoint) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.tasks.Add(1)
	return true
}

func (e *endpoint) add(k *link) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.links[k] = struct{}{}
	return true
}

func (e *endpoint) remove(k *link) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.links, k)
}

// watch enforces the deadlines of links and of connections without a stream. One
// goroutine does it for all: a timer per frame would cost more than the frame.
func (e *endpoint) watch() {
	period := min(time.Second, e.limits.FrameDeadline/4, e.limits.WriteDeadline/4, e.limits.HelloDeadline/4)
	ticker := time.NewTicker(max(period, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-ticker.C:
		}
		now := instant()
		e.mu.Lock()
		for k := range e.links {
			k.watch(now)
		}
		e.mu.Unlock()
		if e.resources.connections.Load() > 0 {
			e.closeSilent()
		}
	}
}

// closeSilent closes incoming connections that opened no stream in time.
func (e *endpoint) closeSilent() {
	for _, c := range e.swarm.Conns() {
		if s := c.Stat(); s.NumStreams == 0 && time.Since(s.Opened) > e.limits.HelloDeadline {
			e.task(func() { _ = c.Close() })
		}
	}
}

// close writes out what waits, says good-bye, and leaves no goroutine.
func (e *endpoint) close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	links := make([]*link, 0, len(e.links))
	for k := range e.links {
		k.finish()
		links = append(links, k)
	}
	e.mu.Unlock()
	e.cancel()
	deadline := time.NewTimer(e.limits.CloseDeadline)
	defer deadline.Stop()
	for _, k := range links {
		select {
		case <-k.done:
			continue
		case <-deadline.C:
		}
		break
	}
	for _, k := range links {
		k.cut(ReasonShutdown, nil)
	}
	err := errors.Join(e.swarm.Close(), e.peers.Close())
	e.tasks.Wait()
	return err
}

// dial connects to a target, or says why not.
func (e *endpoint) dial(ctx context.Context, id peer.ID) (*swarm.Conn, Reason, error) {
	// The swarm has a backoff of its own, of up to minutes: we keep the pace.
	e.swarm.Backoff().Clear(id)
	ctx, cancel := context.WithTimeout(ctx, e.limits.DialDeadline)
	defer cancel()
	c, err := e.swarm.DialPeer(ctx, id)
	if err == nil {
		return c.(*swarm.Conn), ReasonNone, nil
	}
	if mismatch := (sec.ErrPeerIDMismatch{}); errors.As(err, &mismatch) {
		return nil, ReasonIdentity, err
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, ReasonDial, syscall.ECONNREFUSED
	}
	return nil, ReasonDial, err
}
