package network

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"

	p2p "github.com/libp2p/go-libp2p/core/network"

	"github.com/varangian-bft/varangian/consensus"
)

// A remote is another replica.
type remote struct {
	host    *Host
	target  target
	count   counters
	penalty penalty
	links   [lanes]atomic.Pointer[link]
	up      atomic.Bool // changed under mu

	mu     sync.Mutex // held while the handler is told of up and down
	hellos bucket
	told   Reason // last reason logged, so that a lasting fault is one line
}

// keep starts the goroutine that dials a remote.
func (h *Host) keep(r *remote) {
	h.learn(r.target)
	k := &keeper{
		endpoint: h.endpoint, target: r.target, lanes: []lane{laneConsensus, laneClient, laneBulk},
		penalty: &r.penalty, serve: r.serve,
		failed: func(reason Reason, err error) {
			r.count.end(reason)
			r.tell(reason, err)
		},
	}
	h.task(k.run)
}

// serve runs a lane with the remote until it ends. A former link in its place
// gives way: the remote has connected anew, and may not know what became of it.
func (r *remote) serve(l lane, s p2p.Stream) (Reason, error) {
	k := newLink(l, s, linkConfig{
		limits: r.host.limits, in: &r.host.limits.Classes, out: &r.host.limits.Classes, count: &r.count,
	})
	if !r.host.add(k) {
		_ = s.Reset()
		return ReasonShutdown, nil
	}
	defer r.host.remove(k)
	r.attach(k)
	reason, err := k.serve(func(c consensus.Class, frame []byte) {
		r.host.handler.FromReplica(r.target.ID, c, frame)
	})
	r.detach(k)
	return reason, err
}

// attach puts a link in its place. The remote is up when all its lanes are: what
// the handler sends on being told so has a way to go.
func (r *remote) attach(k *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if former := r.links[k.lane].Swap(k); former != nil {
		former.cut(ReasonReplaced, nil)
	}
	if k.lane == laneConsensus {
		r.down()
		for l := range r.links {
			other := r.links[l].Load()
			if other != nil && other.stream.Conn() != k.stream.Conn() && r.links[l].CompareAndSwap(other, nil) {
				other.cut(ReasonReplaced, nil)
			}
		}
	}
	for l := range r.links {
		if r.links[l].Load() == nil {
			return
		}
	}
	if !r.up.Swap(true) {
		r.told = ReasonNone
		r.host.log.Info("replica connected", "replica", r.target.ID)
		r.host.handler.ReplicaUp(r.target.ID)
	}
}

func (r *remote) detach(k *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.links[k.lane].CompareAndSwap(k, nil) && k.lane == laneConsensus {
		r.down()
	}
}

func (r *remote) down() {
	if r.up.Swap(false) {
		r.host.handler.ReplicaDown(r.target.ID)
	}
}

// cut ends all lanes; whoever serves them closes the connection.
func (r *remote) cut(reason Reason) {
	if reason.offence() {
		r.penalty.impose(r.host.limits)
	}
	for l := range r.links {
		if k := r.links[l].Load(); k != nil {
			k.cut(reason, nil)
		}
	}
}

// tell logs why a remote cannot be reached or was left, once per cause.
func (r *remote) tell(reason Reason, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if reason == r.told || reason == ReasonShutdown || reason == ReasonReplaced {
		return
	}
	r.told = reason
	level := slog.LevelWarn
	if reason == ReasonClosed || reason == ReasonLost || reason == ReasonDial {
		level = slog.LevelInfo
	}
	e := &Error{Reason: reason, Remote: r.target.String(), Cause: err}
	r.host.log.Log(r.host.ctx, level, "replica not connected", "replica", r.target.ID, "error", e.Error())
}

func (r *remote) stats() RemoteStats {
	s := r.count.read()
	s.Replica = r.target.ID
	s.CutOffUntil = r.penalty.end()
	s.Connected = r.up.Load()
	for l := range r.links {
		if k := r.links[l].Load(); k != nil {
			count, bytes := k.queue.waiting()
			s.QueuedCount += count
			s.QueuedBytes += bytes
		}
	}
	return s
}

// lowerToDescriptors keeps the connections of clients below what the process may
// open, so that they cannot take the descriptors that log and replicas need (R104).
func lowerToDescriptors(limits *Limits, replicas int, log *slog.Logger) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return
	}
	reserved := uint64(descriptorsReserved + 2*replicaConnectionsMax*replicas + limits.HalfOpenMax)
	room := uint64(1)
	if files.Cur > reserved {
		room = files.Cur - reserved
	}
	if uint64(limits.ClientConnectionsMax) > room {
		log.Warn(fmt.Sprintf("the descriptor limit of %d leaves room for %d client connections; raise it (ulimit -n)", files.Cur, room))
		limits.ClientConnectionsMax = int(room)
	}
}

// descriptorsReserved is for the log, the store and listeners of the process.
const descriptorsReserved = 256
