package client

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/keyfile"
	"github.com/varangian-bft/varangian/internal/groupfile"
	"github.com/varangian-bft/varangian/network"
)

// TimeoutDefault bounds an operation whose context has no deadline.
const TimeoutDefault = 30 * time.Second

// receiptChecksMax is how many signatures of roots are remembered as valid.
const receiptChecksMax = 4096

// A Remote is where to find a replica.
type Remote = network.Remote

// Config says which group to talk to, and as whom.
type Config struct {
	// GroupFile is the path of the group's file. Without it Group and Remotes
	// are used.
	GroupFile string
	Group     *consensus.Group
	Remotes   []Remote

	Keys keyfile.Keys // the client's, as package keyfile reads them
}

// A Transport carries frames to replicas: package network, or a stand-in for it
// in tests.
type Transport interface {
	// Send queues a frame and does not block; false means dropped.
	Send(to consensus.ReplicaID, frame []byte) bool
	// CutOff leaves a replica that sent what no correct one sends.
	CutOff(consensus.ReplicaID)
	Close()
}

// A Handler takes what arrives over a Transport.
type Handler = network.DialHandler

// An Option changes how Dial sets up a Client.
type Option func(*options)

type options struct {
	timeout   time.Duration
	logger    *slog.Logger
	scheme    crypto.Scheme
	slow      func()
	slowAfter time.Duration
	transport func(Handler) (Transport, error)
}

// WithTimeout bounds operations whose context has no deadline, instead of
// TimeoutDefault.
func WithTimeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// WithLogger sends what an operator may want to know to a logger; by default it
// is discarded.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

// WithSlow has a function called for each call whose answers are not there after
// a while, once, by the goroutine that waits. Reachable says what may be amiss.
func WithSlow(after time.Duration, tell func()) Option {
	return func(o *options) { o.slowAfter, o.slow = after, tell }
}

// WithTransport uses another transport than package network, and with it another
// signature scheme than Ed25519 if the group has one.
func WithTransport(scheme crypto.Scheme, dial func(Handler) (Transport, error)) Option {
	return func(o *options) { o.scheme, o.transport = scheme, dial }
}

// Dial returns a client of a group. It does not wait for connections: they come
// up and are kept up in the background, and operations wait for them. A done ctx
// prevents the start only.
func Dial(ctx context.Context, cfg Config, opts ...Option) (*Client, error) {
	o := options{timeout: TimeoutDefault, logger: slog.New(slog.DiscardHandler), scheme: crypto.Ed25519}
	for _, opt := range opts {
		opt(&o)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if cfg.GroupFile != "" {
		f, err := groupfile.Read(cfg.GroupFile)
		if err != nil {
			return nil, err
		}
		if cfg.Group, err = f.Group(o.scheme); err != nil {
			return nil, err
		}
		cfg.Remotes = nil
		for _, r := range f.Remotes() {
			cfg.Remotes = append(cfg.Remotes, Remote{ID: r.ID, Transport: r.Transport, Address: r.Address})
		}
	}
	if cfg.Group == nil {
		return nil, errors.New("client: neither a group file nor a group is configured")
	}
	number, err := sessionNumber(time.Now())
	if err != nil {
		return nil, err
	}
	c := newClient(cfg.Group, &o, session.New(session.Config{
		Group: cfg.Group, Scheme: o.scheme, Signer: o.scheme.NewSigner(cfg.Keys.Signing), Number: number,
	}))
	if o.transport == nil {
		o.transport = func(h Handler) (Transport, error) { return dial(cfg, &o, h) }
	}
	if c.transport, err = o.transport(c); err != nil {
		return nil, err
	}
	go c.run()
	return c, nil
}

func dial(cfg Config, o *options, h Handler) (Transport, error) {
	return network.Dial(network.DialConfig{
		Seed: cfg.Keys.Transport, Group: cfg.Group.ID, Replicas: cfg.Remotes,
		Limits: network.LimitsFor(&cfg.Group.Genesis.Parameters), Logger: o.logger,
	}, h)
}

// sessionNumber rises from process to process; the random bits keep two that
// start in one instant apart.
func sessionNumber(now time.Time) (consensus.SessionNumber, error) {
	var b [2]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("client: reading random bytes: %w", err)
	}
	return consensus.SessionNumber(uint64(max(now.UnixNano(), 1))&^1023 | uint64(binary.BigEndian.Uint16(b[:])&1023)), nil
}
