package client

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/network"
)

// FromReplica takes a frame from the transport; it is no part of the client's
// use. It blocks while many frames wait.
func (c *Client) FromReplica(from consensus.ReplicaID, frame []byte) {
	if wire.Type(frame) == wire.TypeStatusAnswer {
		c.queries.answer(from, frame[1:])
		return
	}
	select {
	case c.frames <- session.Received{From: from, Frame: frame}:
	case <-c.closing:
	}
}

// ReplicaUp is called by the transport.
func (c *Client) ReplicaUp(id consensus.ReplicaID) {
	c.links.set(id, true, nil)
	c.put(func(in *inbox) { in.connected = append(in.connected, id) })
}

// ReplicaDown is called by the transport.
func (c *Client) ReplicaDown(id consensus.ReplicaID, err error) { c.links.set(id, false, err) }

// links knows which replicas are connected, and why the others are not.
type links struct {
	group *consensus.Group
	mu    sync.Mutex
	state []link
	moved chan struct{} // closed at the next change
	away  time.Time     // since when all are down and foreign says why; zero if they are not
}

type link struct {
	up    bool
	cause error
}

func newLinks(g *consensus.Group) links {
	return links{group: g, state: make([]link, g.N), moved: make(chan struct{})}
}

func (l *links) set(id consensus.ReplicaID, up bool, cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if uint64(id) >= uint64(len(l.state)) {
		return
	}
	l.state[id] = link{up, cause}
	switch {
	case l.up() > 0 || l.foreignReason() == nil:
		l.away = time.Time{}
	case l.away.IsZero():
		l.away = time.Now()
	}
	close(l.moved)
	l.moved = make(chan struct{})
}

// at returns the state of a replica, and a channel that is closed when any
// replica's changes.
func (l *links) at(id consensus.ReplicaID) (link, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state[id], l.moved
}

// foreign returns ErrForeignGroup or ErrForeignKey if so many replicas closed the
// connection for it that at least one correct one did, and else nil.
func (l *links) foreign() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.foreignReason()
}

// awayMax is how long everyone may turn a client away before its calls end: less
// than a time-out, and long enough for a key that is being enrolled.
const awayMax = 3 * time.Second

// turnedAway reports whether to wait any longer is of no use.
func (l *links) turnedAway() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.away.IsZero() && time.Since(l.away) >= awayMax
}

func (l *links) up() (count int) {
	for _, s := range l.state {
		if s.up {
			count++
		}
	}
	return count
}

func (l *links) foreignReason() error {
	var counts [network.Reasons]int
	for _, s := range l.state {
		counts[network.ReasonOf(s.cause)]++
	}
	switch {
	case counts[network.ReasonGroup] >= l.group.Weak:
		return ErrForeignGroup
	case counts[network.ReasonRefused] >= l.group.Weak:
		return ErrForeignKey
	}
	return nil
}

// Reachable returns how many replicas are connected, and says who is not, and why:
// "1 of 4 replicas reachable, 3 needed for progress: r0 connected; r1, r2, r3 not
// connected: nothing answered at its address".
func (c *Client) Reachable() (count int, words string) {
	c.links.mu.Lock()
	defer c.links.mu.Unlock()
	return c.links.up(), c.links.words(session.Heard{}, "connected")
}

// describe says the same, and who answered.
func (l *links) describe(heard session.Heard) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.words(heard, "connected, no answer")
}

// words says where each replica stands; unheard is what to say of those that are
// connected and were not heard of.
func (l *links) words(heard session.Heard, unheard string) string {
	var words []string
	names := map[string][]string{}
	for i, s := range l.state {
		id := consensus.ReplicaID(i)
		word := ""
		switch {
		case heard.Answered.Has(id):
			word = "answered"
		case heard.Refused.Has(id):
			word = "refused"
		case s.up:
			word = unheard
		default:
			word = reason(s.cause)
		}
		if names[word] == nil {
			words = append(words, word)
		}
		names[word] = append(names[word], l.group.Genesis.Replicas[i].Name)
	}
	for i, word := range words {
		words[i] = strings.Join(names[word], ", ") + " " + word
	}
	return fmt.Sprintf("%d of %d replicas reachable, %d needed for progress: %s",
		l.up(), l.group.N, l.group.Quorum, strings.Join(words, "; "))
}

func reason(err error) string {
	if err == nil {
		return "not connected yet"
	}
	var e *network.Error
	if errors.As(err, &e) {
		return "not connected: " + e.Reason.String()
	}
	return "not connected: " + strings.ReplaceAll(err.Error(), "\n", " ")
}
