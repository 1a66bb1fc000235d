package network

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/varangian-bft/varangian/consensus"
)

// clients are the enrolled clients and their connections.
type clients struct {
	host     *Host
	replies  *[consensus.Classes]ClassLimits
	bounds   *Limits
	count    counters
	arriving *budget // of frames under way
	waiting  *budget // of replies
	mu       sync.RWMutex
	byPeer   map[peer.ID]*client
	links    map[ConnID]clientLink // up
	opened   int                   // connections, hellos under way included
	lastConn ConnID
}

type client struct {
	id      consensus.ClientID
	name    string
	penalty penalty

	// Guarded by clients.mu.
	removed bool
	opened  int
	told    Reason
}

type clientLink struct {
	client *client
	link   *link
}

func newClients(h *Host, limits *Limits) *clients {
	return &clients{
		host: h, replies: limits.forReply(), bounds: limits,
		arriving: newBudget(limits.ClientBytesMax), waiting: newBudget(limits.ClientBytesMax),
		byPeer: map[peer.ID]*client{}, links: map[ConnID]clientLink{},
	}
}

// set replaces the enrolled clients. Who stays keeps connections and penalties.
func (t *clients) set(enrolled []consensus.Enrolment) error {
	next := make(map[peer.ID]*client, len(enrolled))
	for _, e := range enrolled {
		id, err := peerOf(e.Transport)
		if err != nil {
			return fmt.Errorf("network: transport key of client %q: %w", e.Name, err)
		}
		next[id] = &client{id: e.Client, name: e.Name}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, c := range t.byPeer {
		if n := next[id]; n != nil && n.id == c.id {
			c.name = n.name
			next[id] = c
		} else {
			c.removed = true
		}
	}
	t.byPeer = next
	for _, l := range t.links {
		if l.client.removed {
			l.link.cut(ReasonRemoved, nil)
		}
	}
	return nil
}

func (t *clients) entry(id peer.ID) *client {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byPeer[id]
}

func (t *clients) admit(id peer.ID) bool {
	c := t.entry(id)
	return c != nil && !c.penalty.active()
}

// open takes a place for a connection. Without one it still gives a ConnID, for
// the answer, up to as many again; then 0.
func (t *clients) open(c *client) (ConnID, Reason) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.opened >= 2*t.bounds.ConnectionsPerClientMax {
		return 0, ReasonBusy
	}
	c.opened++
	t.opened++
	t.lastConn++
	if c.opened > t.bounds.ConnectionsPerClientMax || t.opened > t.bounds.ClientConnectionsMax {
		return t.lastConn, ReasonBusy
	}
	return t.lastConn, ReasonNone
}

// attach makes a link reachable for replies, unless its client was removed
// meanwhile.
func (t *clients) attach(c *client, conn ConnID, k *link) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.links[conn] = clientLink{client: c, link: k}
	return !c.removed
}

func (t *clients) close(c *client, conn ConnID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.links, conn)
	c.opened--
	t.opened--
}

func (t *clients) reply(conn ConnID, frame []byte) bool {
	t.mu.RLock()
	l, ok := t.links[conn]
	t.mu.RUnlock()
	if !ok {
		t.count.dropped[consensus.ClassClient].Add(1)
		return false
	}
	return l.link.send(consensus.ClassClient, frame)
}

// cutOff ends all connections of the client that owns one.
func (t *clients) cutOff(conn ConnID) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	owner, ok := t.links[conn]
	if !ok {
		return
	}
	owner.client.penalty.impose(t.bounds)
	for _, l := range t.links {
		if l.client == owner.client {
			l.link.cut(ReasonGarbage, nil)
		}
	}
}

// tell logs what is worth a line: offences and wrong files, once per cause.
func (t *clients) tell(c *client, r Reason, err error) {
	t.mu.Lock()
	again := c.told == r
	c.told = r
	name := c.name
	t.mu.Unlock()
	if again || !(r.offence() || r == ReasonGroup || r == ReasonVersion || r == ReasonBusy || r == ReasonStuck || r == ReasonSlow) {
		return
	}
	e := &Error{Reason: r, Remote: fmt.Sprintf("client %s (%v)", name, c.id), Cause: err}
	t.host.log.Log(t.host.ctx, slog.LevelWarn, "client refused", "client", c.id.String(), "error", e.Error())
}

func (t *clients) stats() (RemoteStats, int) {
	s := t.count.read()
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, l := range t.links {
		count, bytes := l.link.queue.waiting()
		s.QueuedCount += count
		s.QueuedBytes += bytes
	}
	s.Connected = len(t.links) > 0
	return s, len(t.links)
}
