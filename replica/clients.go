package replica

import (
	"sync"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/network"
)

// connectionsPerClientMax bounds the connections of one key that get its replies;
// the newest ones do.
const connectionsPerClientMax = 8

// clients knows which connections belong to a client key: receipts go to all of
// them, so that a process started again with the same key gets its own.
type clients struct {
	mu    sync.Mutex
	conns map[consensus.ClientID][]network.ConnID
	owner map[network.ConnID]consensus.ClientID
	asked map[network.ConnID]time.Time // status queries are paid until then
	write func(network.ConnID, []byte) bool
}

func newClients() *clients {
	return &clients{conns: map[consensus.ClientID][]network.ConnID{}, owner: map[network.ConnID]consensus.ClientID{}, asked: map[network.ConnID]time.Time{}}
}

// seen notes that a frame of a client came over a connection.
func (c *clients) seen(conn network.ConnID, id consensus.ClientID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.owner[conn]; ok {
		return
	}
	c.owner[conn] = id
	list := append(c.conns[id], conn)
	if len(list) > connectionsPerClientMax {
		delete(c.owner, list[0])
		list = list[1:]
	}
	c.conns[id] = list
}

// statusInterval is what a status query costs its connection, of which it may owe a
// second.
const statusInterval = 100 * time.Millisecond

// mayAsk reports whether a connection gets an answer to a status query.
func (c *clients) mayAsk(conn network.ConnID, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	paid := c.asked[conn]
	if paid.Before(now) {
		paid = now
	}
	if paid.Sub(now) > time.Second-statusInterval {
		return false
	}
	c.asked[conn] = paid.Add(statusInterval)
	return true
}

func (c *clients) gone(conn network.ConnID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.asked, conn)
	id, ok := c.owner[conn]
	if !ok {
		return
	}
	delete(c.owner, conn)
	var left []network.ConnID
	for _, other := range c.conns[id] {
		if other != conn {
			left = append(left, other)
		}
	}
	if c.conns[id] = left; len(left) == 0 {
		delete(c.conns, id)
	}
}

func (c *clients) connected(id consensus.ClientID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.conns[id]) > 0
}

// send queues a frame on every connection of the client; a full queue drops it,
// and the client asks again.
func (c *clients) send(id consensus.ClientID, frame []byte) {
	c.mu.Lock()
	list := c.conns[id]
	c.mu.Unlock()
	for _, conn := range list {
		c.write(conn, frame)
	}
}

func (c *clients) refuse(r *consensus.Request, reason wire.RefusalReason) {
	c.send(r.Client, wire.Refusal{Request: r.Digest(), Reason: reason}.Marshal())
}
