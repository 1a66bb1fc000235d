package network

import (
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	p2p "github.com/libp2p/go-libp2p/core/network"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// DialConfig is what a client's Dialer needs.
type DialConfig struct {
	Seed     crypto.Seed   // transport identity, as enrolled
	Group    crypto.Digest // group id: replicas with another one are left
	Replicas []Remote
	Limits   Limits       // start from DefaultLimits; ClassClient and Reply bound queues and frames
	Logger   *slog.Logger // nil discards
}

// A DialHandler takes what arrives at a Dialer. FromReplica is called by one
// goroutine per replica, and owns the frame; while it blocks, nothing more is
// read from that replica. A panic in it cuts that replica off for a while.
type DialHandler interface {
	FromReplica(from consensus.ReplicaID, frame []byte)
	// ReplicaUp says that a replica has answered a hello: Send reaches it. It does
	// not block.
	ReplicaUp(consensus.ReplicaID)
	// ReplicaDown says why a replica is not connected: after ReplicaUp, and when
	// attempts fail, whenever the reason changes. The error is an *Error. It does
	// not block.
	ReplicaDown(consensus.ReplicaID, error)
}

// A Dialer is a client's place on the network: it keeps a connection to every
// replica. All methods are safe for concurrent use.
type Dialer struct {
	*endpoint
	handler DialHandler
	replies *[consensus.Classes]ClassLimits
	lines   map[consensus.ReplicaID]*line // fixed
	ids     []consensus.ReplicaID         // ascending
	closing sync.Once
}

// A line is one replica as a client sees it.
type line struct {
	dialer  *Dialer
	target  target
	count   counters
	penalty penalty
	link    atomic.Pointer[link]
	told    Reason // last reason given to ReplicaDown; used by the keeper only
}

// Dial starts a Dialer. It returns at once; connections come up in the
// background, and are kept up until Close.
func Dial(cfg DialConfig, h DialHandler) (*Dialer, error) {
	limits := cfg.Limits
	if err := limits.validate(); err != nil {
		return nil, err
	}
	if len(cfg.Replicas) == 0 {
		return nil, errors.New("network: no replica to dial; the group file lists none")
	}
	targets, err := newTargets(cfg.Replicas)
	if err != nil {
		return nil, err
	}
	d := &Dialer{handler: h, replies: limits.forReply(), lines: map[consensus.ReplicaID]*line{}}
	d.endpoint, err = newEndpoint(endpointConfig{
		seed: cfg.Seed, group: cfg.Group, limits: &limits, log: cfg.Logger, access: nobody{}, inMax: 0,
	})
	if err != nil {
		return nil, err
	}
	for _, t := range targets {
		l := &line{dialer: d, target: t}
		d.lines[t.ID] = l
		d.ids = append(d.ids, t.ID)
		d.learn(t)
		k := &keeper{
			endpoint: d.endpoint, target: t, lanes: []lane{laneClient},
			penalty: &l.penalty, serve: l.serve, failed: l.failed,
		}
		d.task(k.run)
	}
	slices.Sort(d.ids)
	return d, nil
}

// Send queues a frame for a replica. It never blocks. false means dropped: the
// replica is not connected, its queue is full, or the frame too long. The frame
// is not changed, and may be sent to several replicas at once.
func (d *Dialer) Send(to consensus.ReplicaID, frame []byte) bool {
	l := d.lines[to]
	if l == nil {
		return false
	}
	k := l.link.Load()
	return k != nil && k.send(consensus.ClassClient, frame)
}

// Connected returns the replicas that Send reaches, ascending.
func (d *Dialer) Connected() []consensus.ReplicaID {
	var up []consensus.ReplicaID
	for _, id := range d.ids {
		if d.lines[id].link.Load() != nil {
			up = append(up, id)
		}
	}
	return up
}

// CutOff closes the connection to a replica that sent what no correct one sends,
// and stays away from it for a while.
func (d *Dialer) CutOff(id consensus.ReplicaID) {
	if l := d.lines[id]; l != nil {
		if k := l.link.Load(); k != nil {
			k.cut(ReasonGarbage, nil)
		}
	}
}

// Stats returns what passed so far, by replica.
func (d *Dialer) Stats() []RemoteStats {
	var all []RemoteStats
	for _, id := range d.ids {
		l := d.lines[id]
		s := l.count.read()
		s.Replica, s.CutOffUntil = id, l.penalty.end()
		if k := l.link.Load(); k != nil {
			s.Connected = true
			s.QueuedCount, s.QueuedBytes = k.queue.waiting()
		}
		all = append(all, s)
	}
	return all
}

// Close writes out what waits for at most CloseDeadline, and returns when no
// goroutine of the Dialer is left.
func (d *Dialer) Close() {
	d.closing.Do(func() { _ = d.close() })
}

func (l *line) serve(_ lane, s p2p.Stream) (Reason, error) {
	d := l.dialer
	k := newLink(laneClient, s, linkConfig{
		limits: d.limits, in: d.replies, out: &d.limits.Classes, count: &l.count,
	})
	if !d.add(k) {
		_ = s.Reset()
		return ReasonShutdown, nil
	}
	defer d.remove(k)
	l.link.Store(k)
	l.told = ReasonNone
	d.handler.ReplicaUp(l.target.ID)
	r, err := k.serve(func(_ consensus.Class, frame []byte) { d.handler.FromReplica(l.target.ID, frame) })
	l.link.Store(nil)
	return r, err
}

func (l *line) failed(r Reason, err error) {
	l.count.end(r)
	if r == l.told {
		return
	}
	l.told = r
	e := &Error{Reason: r, Remote: l.target.String(), Cause: err}
	l.dialer.log.Debug("replica not connected", "replica", l.target.ID, "error", e.Error())
	l.dialer.handler.ReplicaDown(l.target.ID, e)
}
