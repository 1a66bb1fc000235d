package network

import (
	"context"
	"sync"
	"time"

	p2p "github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
)

// A keeper keeps one connection to a replica that this side dials, and its
// lanes, for as long as the endpoint lives.
type keeper struct {
	*endpoint
	target  target
	lanes   []lane // the first one decides: without it the connection is given up
	penalty *penalty
	serve   func(lane, p2p.Stream) (Reason, error) // runs a lane until it ends
	failed  func(Reason, error)                    // an attempt, a lane or the connection ended
}

// steady is how long a connection has to last for the next attempt to come at once.
const steady = 5 * time.Second

func (k *keeper) run() {
	retry := backoff{least: k.limits.RedialMin, most: k.limits.RedialMax}
	for k.ctx.Err() == nil {
		began := time.Now()
		r, err := k.connect()
		if k.ctx.Err() != nil {
			return
		}
		if r.offence() {
			k.penalty.impose(k.limits)
		}
		k.failed(r, err)
		if time.Since(began) > steady {
			retry.reset()
		}
		pause(k.ctx, max(retry.wait(), time.Until(k.penalty.end())))
	}
}

// connect dials, runs the lanes, and returns why the connection ended.
func (k *keeper) connect() (Reason, error) {
	c, r, err := k.dial(k.ctx, k.target.peer)
	if r != ReasonNone {
		return r, err
	}
	defer c.Close()
	stop := context.AfterFunc(k.ctx, func() {
		// A hello that waits for its answer must not hold up Close.
		time.AfterFunc(k.limits.CloseDeadline, func() { _ = c.Close() })
	})
	defer stop()
	first, r, err := k.open(c, k.lanes[0])
	if r != ReasonNone {
		return r, err
	}
	var others sync.WaitGroup
	defer others.Wait()
	ctx, cancel := context.WithCancel(k.ctx)
	defer cancel()
	for _, l := range k.lanes[1:] {
		others.Go(func() { k.keep(ctx, c, l) })
	}
	r, err = k.serve(k.lanes[0], first)
	_ = c.Close() // before others.Wait
	return r, err
}

// keep runs a lane and opens it anew when it ends, while the connection lives.
func (k *keeper) keep(ctx context.Context, c *swarm.Conn, l lane) {
	retry := backoff{least: k.limits.RedialMin, most: k.limits.RedialMax}
	for ctx.Err() == nil && !c.IsClosed() {
		began := time.Now()
		s, r, err := k.open(c, l)
		if r == ReasonNone {
			r, err = k.serve(l, s)
		}
		if ctx.Err() != nil || c.IsClosed() {
			return // connect reports why
		}
		if r.offence() {
			k.penalty.impose(k.limits)
			_ = c.Close()
		}
		k.failed(r, err)
		if time.Since(began) > steady {
			retry.reset()
		}
		pause(ctx, retry.wait())
	}
}

// open opens a lane: only an answered hello means that the remote let us in.
func (k *keeper) open(c *swarm.Conn, l lane) (p2p.Stream, Reason, error) {
	ctx, cancel := context.WithTimeout(k.ctx, k.limits.HelloDeadline)
	defer cancel()
	s, err := c.NewStream(ctx)
	if err != nil {
		return nil, ReasonRefused, err
	}
	r, err := k.greet(s, l)
	if r != ReasonNone {
		_ = s.Reset()
		return nil, r, err
	}
	return s, ReasonNone, nil
}

func (k *keeper) greet(s p2p.Stream, l lane) (Reason, error) {
	_ = s.SetDeadline(time.Now().Add(k.limits.HelloDeadline))
	if _, err := s.Write(hello{version: protocolVersion, lane: l, group: k.group}.marshal()); err != nil {
		return ReasonRefused, err
	}
	answer, r, err := readHello(s)
	switch {
	case r == ReasonLost:
		return ReasonRefused, err
	case r != ReasonNone:
		return r, err
	}
	_ = s.SetDeadline(time.Time{})
	if r := answer.judge(k.group); r != ReasonNone {
		return r, nil
	}
	if answer.lane != l {
		return ReasonGarbage, nil
	}
	return ReasonNone, nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
