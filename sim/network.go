package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

func replicaName(i int) string { return fmt.Sprintf("r%d", i) }
func clientName(i int) string  { return fmt.Sprintf("c%d", i) }

// Conditions are what a network does to every frame.
type Conditions struct {
	DelayMin, DelayMax time.Duration
	Loss               float64 // share of frames that are lost, 0 to 1
	Duplication        float64 // share of frames that come twice, 0 to 1
	Ordered            bool    // frames of one channel do not overtake each other
}

// A network carries frames between parties: replicas come first, then clients.
type network struct {
	world    *World
	now      Conditions
	parties  int
	channels []channel // by sender x parties + receiver
	lose     func(from, to int, frame []byte) bool
}

// A channel has its own source of chance, so that what happens to its frames does
// not depend on what others send: a schedule keeps its course when it is shrunk.
type channel struct {
	chance *rand.PCG
	cut    bool
	slow   time.Duration // added to each delay
	last   time.Duration // arrival of the last frame
}

func (n *network) init(w *World) {
	n.world, n.parties = w, w.cfg.Replicas+w.cfg.Clients
	n.now = w.cfg.conditions()
	n.channels = make([]channel, n.parties*n.parties)
	for i := range n.channels {
		n.channels[i].chance = rand.NewPCG(w.cfg.Seed, uint64(streamChannel)<<32|uint64(i))
	}
}

func (n *network) channel(from, to int) *channel { return &n.channels[from*n.parties+to] }

// share turns 24 random bits into a number from 0 to 1.
func share(bits uint64) float64 { return float64(bits&(1<<24-1)) / (1 << 24) }

// carry takes a frame from one party to another, late, twice or never.
func (w *World) carry(from, to int, frame []byte) {
	if len(frame) == 0 {
		return
	}
	n := &w.net
	c := n.channel(from, to)
	u := c.chance.Uint64()
	copies := 1
	if share(u) < n.now.Loss {
		copies = 0
		w.coverage.Network[networkLost]++
		w.noteFrame(EventLost, from, to, frame)
	}
	if share(u>>24) < n.now.Duplication {
		copies++
		w.coverage.Network[networkTwice]++
	}
	for range copies {
		at := w.now + n.now.DelayMin + c.slow
		if spread := n.now.DelayMax - n.now.DelayMin; spread > 0 {
			at += time.Duration(c.chance.Uint64() % uint64(spread))
		}
		if n.now.Ordered {
			at = max(at, c.last)
		}
		if at < c.last {
			w.coverage.Network[networkOvertook]++
		}
		c.last = max(c.last, at)
		a := appointment{frame: frame, from: int32(from), to: int32(to)}
		if to < len(w.replicas) {
			a.replica = w.replicas[to]
		}
		w.agenda.push(at, a)
		if w.cfg.Observe != nil {
			w.note(w.describe(Event{Kind: EventSent, From: from, To: to, Arrives: at}, frame))
		}
	}
}

func (w *World) deliver(from, to int, frame []byte) {
	if w.net.channel(from, to).cut || w.net.lose != nil && w.net.lose(from, to, frame) {
		w.coverage.Network[networkCut]++
		w.noteFrame(EventMissed, from, to, frame)
		return
	}
	w.trace.add(traceDelivered, w.now, from, to, frame)
	n := len(w.replicas)
	switch {
	case to >= n:
		w.clients[to-n].receive(consensus.ReplicaID(from), frame)
	case from >= n:
		w.replicas[to].receiveRequest(from-n, frame)
	default:
		w.replicas[to].receive(consensus.ReplicaID(from), frame)
	}
}

// Cut severs channels between replicas: those for which the function reports
// true now; nil heals everything.
func (w *World) Cut(cut func(from, to int) bool) {
	for from := range w.net.parties {
		for to := range w.net.parties {
			between := from < len(w.replicas) && to < len(w.replicas)
			w.net.channel(from, to).cut = cut != nil && between && cut(from, to)
		}
	}
}

// Sever cuts or heals the channel from one party to another. Parties are
// replicas first, then clients.
func (w *World) Sever(from, to int, cut bool) { w.net.channel(from, to).cut = cut }

// Lose lets the network drop the frames for which the function reports true, on
// their arrival; nil drops none. Parties are replicas first, then clients.
func (w *World) Lose(lose func(from, to int, frame []byte) bool) { w.net.lose = lose }

// Slow adds to the delay of the channel from one party to another.
func (w *World) Slow(from, to int, more time.Duration) { w.net.channel(from, to).slow = more }

// Heal ends all cuts and slow channels.
func (w *World) Heal() {
	for i := range w.net.channels {
		w.net.channels[i].cut, w.net.channels[i].slow = false, 0
	}
}

// Weather changes what the network does to every frame from now on.
func (w *World) Weather(c Conditions) { w.net.now = c }

// between draws a duration.
func (w *World) between(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return least + time.Duration(w.rng.Int64N(int64(most-least)))
}
