package network

import (
	"fmt"
	"time"

	p2p "github.com/libp2p/go-libp2p/core/network"

	"github.com/varangian-bft/varangian/consensus"
)

// onStream runs an incoming lane, on a goroutine of its own that libp2p started.
func (h *Host) onStream(s p2p.Stream) {
	if !h.enter() {
		_ = s.Reset()
		return
	}
	defer h.tasks.Done()
	id := s.Conn().RemotePeer()
	if r := h.byPeer[id]; r != nil && s.Stat().Direction == p2p.DirInbound {
		h.fromReplica(r, s)
		return
	}
	if c := h.clients.entry(id); c != nil {
		h.fromClient(c, s)
		return
	}
	_ = s.Reset()
	_ = s.Conn().Close()
}

func (h *Host) fromReplica(r *remote, s p2p.Stream) {
	l, reason, err := h.welcome(s, r.allowHello(), ReasonNone)
	if reason == ReasonNone {
		reason, err = r.serve(l, s)
	} else {
		_ = s.Reset()
	}
	if reason.offence() {
		r.penalty.impose(h.limits)
		_ = s.Conn().Close()
	}
	r.count.end(reason)
	r.tell(reason, err)
}

func (r *remote) allowHello() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hellos.take(1)
}

// welcome reads and answers the hello of a lane. busy is what to answer if
// nothing is wrong with it.
func (h *Host) welcome(s p2p.Stream, allowed bool, busy Reason) (lane, Reason, error) {
	if !allowed || s.Conn().Stat().NumStreams > int(streamsMax) {
		return 0, ReasonFlood, nil
	}
	_ = s.SetDeadline(time.Now().Add(h.limits.HelloDeadline))
	m, reason, err := readHello(s)
	if reason != ReasonNone {
		if reason == ReasonLost && err != nil && s.Conn().IsClosed() {
			return 0, ReasonLost, err
		}
		if reason == ReasonLost {
			reason = ReasonSlow
		}
		return 0, reason, err
	}
	answer := hello{version: protocolVersion, lane: m.lane, group: h.group}
	if answer.verdict = m.judge(h.group); answer.verdict == ReasonNone {
		answer.verdict = busy
	}
	if _, err := s.Write(answer.marshal()); err != nil {
		return 0, ReasonLost, err
	}
	if answer.verdict != ReasonNone {
		// The remote closes when it has read the answer; a reset could overtake it.
		_ = s.CloseWrite()
		_, _ = s.Read(make([]byte, 1))
		return 0, answer.verdict, detail(m)
	}
	_ = s.SetDeadline(time.Time{})
	return m.lane, ReasonNone, nil
}

func detail(m hello) error {
	if m.version != protocolVersion {
		return fmt.Errorf("version %d, here %d", m.version, protocolVersion)
	}
	return fmt.Errorf("group %x", m.group[:4])
}

func (h *Host) fromClient(c *client, s p2p.Stream) {
	defer s.Conn().Close() // a client has one lane
	reason, err := ReasonFlood, error(nil)
	if conn, busy := h.clients.open(c); conn != 0 {
		reason, err = h.serveClient(c, conn, s, busy)
		h.clients.close(c, conn)
	}
	if reason.offence() {
		c.penalty.impose(h.limits)
	}
	h.clients.count.end(reason)
	h.clients.tell(c, reason, err)
}

func (h *Host) serveClient(c *client, conn ConnID, s p2p.Stream, busy Reason) (Reason, error) {
	l, reason, err := h.welcome(s, s.Conn().Stat().NumStreams == 1, busy)
	switch {
	case reason != ReasonNone:
		_ = s.Reset()
		return reason, err
	case l != laneClient:
		_ = s.Reset()
		return ReasonGarbage, nil
	}
	k := newLink(l, s, linkConfig{
		limits: h.limits, in: &h.limits.Classes, out: h.clients.replies, count: &h.clients.count,
		arriving: h.clients.arriving, waiting: h.clients.waiting,
	})
	if !h.add(k) {
		_ = s.Reset()
		return ReasonShutdown, nil
	}
	defer h.remove(k)
	if !h.clients.attach(c, conn, k) {
		k.cut(ReasonRemoved, nil)
	}
	reason, err = k.serve(func(_ consensus.Class, frame []byte) {
		h.handler.FromClient(conn, c.id, frame)
	})
	h.handler.ClientGone(conn)
	return reason, err
}
