package network

import (
	"fmt"
	"log/slog"
	"slices"
	"syscall"

	p2p "github.com/libp2p/go-libp2p/core/network"

	"github.com/varangian-bft/varangian/consensus"
)

func sortIDs(ids []consensus.ReplicaID) { slices.Sort(ids) }

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
	k := newLink(l, s, r.host.limits, &r.host.limits.Classes, &r.count)
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

func (r *remote) attach(k *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if former := r.links[k.lane].Swap(k); former != nil {
		former.cut(ReasonReplaced, nil)
	}
	if k.lane != laneConsensus {
		return
	}
	if r.up {
		r.host.handler.ReplicaDown(r.target.ID)
	}
	r.up, r.told = true, ReasonNone
	r.host.log.Info("replica connected", "replica", r.target.ID)
	r.host.handler.ReplicaUp(r.target.ID)
}

func (r *remote) detach(k *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.links[k.lane].CompareAndSwap(k, nil) && k.lane == laneConsensus {
		r.up = false
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
	for l := range r.links {
		if k := r.links[l].Load(); k != nil {
			s.Connected = s.Connected || lane(l) == laneConsensus
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
