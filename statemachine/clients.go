package statemachine

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A client is one enrolled key with its sessions.
type client struct {
	enrolment consensus.Enrolment
	highest   consensus.SessionNumber // that the key ever opened
	sessions  []*session              // by number; at most SessionsPerClient
}

func (c *client) session(n consensus.SessionNumber) (*session, bool) {
	i, ok := slices.BinarySearchFunc(c.sessions, n, func(s *session, n consensus.SessionNumber) int {
		return cmp.Compare(s.number, n)
	})
	if !ok {
		return nil, false
	}
	return c.sessions[i], true
}

// A clientTable is who may have requests executed, and what was executed for
// whom. At most ClientsMax x SessionsPerClient sessions stand in it.
type clientTable struct {
	clients   map[consensus.ClientID]*client
	order     []consensus.ClientID        // the keys of clients, ascending
	keys      map[crypto.PublicKey]string // whose each key is
	names     map[string]struct{}
	operators int
}

// newClientTable returns an empty table that knows the keys of the replicas,
// which no client may have (R4).
func newClientTable(g *consensus.Group) *clientTable {
	t := &clientTable{
		clients: map[consensus.ClientID]*client{}, keys: map[crypto.PublicKey]string{}, names: map[string]struct{}{},
	}
	for i := range g.Genesis.Replicas {
		m := &g.Genesis.Replicas[i]
		t.keys[m.Key], t.keys[m.Transport] = m.Name, m.Name
	}
	return t
}

func compareClients(a, b consensus.ClientID) int { return bytes.Compare(a[:], b[:]) }

// refusal says why an enrolment does not fit into the table; it is empty if it
// does.
func (t *clientTable) refusal(e *consensus.Enrolment, clientsMax uint64) string {
	if uint64(len(t.order)) >= clientsMax {
		return fmt.Sprintf("the group has %d clients already, which is clients_max", len(t.order))
	}
	if crypto.PublicKey(e.Client) == e.Transport {
		return "signing and transport key are the same"
	}
	for _, k := range []crypto.PublicKey{crypto.PublicKey(e.Client), e.Transport} {
		if owner, taken := t.keys[k]; taken {
			return fmt.Sprintf("%s has key %s already", owner, k)
		}
	}
	if _, taken := t.names[e.Name]; taken {
		return fmt.Sprintf("a client named %q is enrolled already", e.Name)
	}
	return ""
}

// add enrols a client whose key opened sessions up to highest in an earlier
// enrolment. The caller asked refusal.
func (t *clientTable) add(e consensus.Enrolment, highest consensus.SessionNumber) {
	t.clients[e.Client] = &client{enrolment: e, highest: highest}
	i, _ := slices.BinarySearchFunc(t.order, e.Client, compareClients)
	t.order = slices.Insert(t.order, i, e.Client)
	t.keys[crypto.PublicKey(e.Client)], t.keys[e.Transport] = e.Name, e.Name
	t.names[e.Name] = struct{}{}
	if e.Operator {
		t.operators++
	}
}

// remove takes a client out, with all sessions.
func (t *clientTable) remove(id consensus.ClientID) {
	e := &t.clients[id].enrolment
	delete(t.keys, crypto.PublicKey(id))
	delete(t.keys, e.Transport)
	delete(t.names, e.Name)
	if e.Operator {
		t.operators--
	}
	delete(t.clients, id)
	i, _ := slices.BinarySearchFunc(t.order, id, compareClients)
	t.order = slices.Delete(t.order, i, i+1)
}

// open adds a session to c, and returns the one that has to make room for it.
func (c *client) open(s *session, sessionsMax uint64) (evicted *session) {
	if uint64(len(c.sessions)) >= sessionsMax {
		oldest := 0
		for i, other := range c.sessions {
			if other.last < c.sessions[oldest].last {
				oldest = i
			}
		}
		evicted = c.sessions[oldest]
		evicted.evicted = true
		c.sessions = slices.Delete(c.sessions, oldest, oldest+1)
	}
	c.highest = s.number
	c.sessions = append(c.sessions, s)
	return evicted
}

func marshalEnrolment(e *consensus.Enrolment) []byte {
	var b cryptobyte.Builder
	e.Marshal(&b)
	return b.BytesOrPanic()
}

// readHighest reads the value under a highestKey.
func readHighest(value []byte) (consensus.SessionNumber, bool) {
	if len(value) != 8 {
		return 0, false
	}
	return consensus.SessionNumber(binary.BigEndian.Uint64(value)), true
}

// load reads the table of the state at a version.
func (t *clientTable) load(store Store, at Version, p *consensus.Parameters) error {
	err := each(store, at, clientPrefix, func(key cryptobyte.String, value []byte) bool {
		s := cryptobyte.String(value)
		e, ok := consensus.ReadEnrolment(&s)
		if !ok || !s.Empty() || !bytes.Equal(key, e.Client[:]) || t.refusal(&e, p.ClientsMax) != "" {
			return false
		}
		t.add(e, 0)
		return true
	})
	if err != nil {
		return err
	}
	err = each(store, at, highestPrefix, func(key cryptobyte.String, value []byte) bool {
		var id consensus.ClientID
		n, ok := readHighest(value)
		if !ok || !key.CopyBytes(id[:]) || !key.Empty() {
			return false
		}
		if c := t.clients[id]; c != nil {
			c.highest = n
		}
		return true
	})
	if err != nil {
		return err
	}
	return each(store, at, sessionPrefix, func(key cryptobyte.String, value []byte) bool {
		var id consensus.ClientID
		s, ok := readSession(value, p)
		if !ok || !key.CopyBytes(id[:]) || !key.ReadUint64((*uint64)(&s.number)) || !key.Empty() {
			return false
		}
		c := t.clients[id]
		if c == nil || s.number > c.highest || uint64(len(c.sessions)) >= p.SessionsPerClient {
			return false
		}
		s.client = id
		c.sessions = append(c.sessions, s)
		return true
	})
}

// each calls read for every entry of a framework table, with the rest of the key
// after the prefix. An entry that it refuses is not what this package wrote.
func each(store Store, at Version, table byte, read func(key cryptobyte.String, value []byte) bool) error {
	start, end := tableRange(table)
	var bad []byte
	err := store.Scan(start, end, at, func(key, value []byte) bool {
		if !read(key[len(start):], value) {
			bad = slices.Clone(key)
		}
		return bad == nil
	})
	if err == nil && bad != nil {
		return fmt.Errorf("%w: client table at version %d, key %x: repair this replica from the others", ErrRot, at, bad)
	}
	return err
}
