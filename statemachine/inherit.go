package statemachine

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// ErrOrigin says that a group begins with the state of another one, and that the
// store does not have it yet.
var ErrOrigin = errors.New("the group begins with a backup of another one, and this replica does not have its state yet")

// Inherit turns the state of another group at a snapshot into the one with which
// a group begins that names the snapshot as its origin. next yields the entries
// of the snapshot, each once, by key ascending, whose digests the caller compares
// with the origin's root; what comes back is what Store.Install takes at sequence
// 0, under InheritedChain. Everyone gets the same from the same snapshot.
//
// The application's entries and the agreed time stay as they are. Who is enrolled
// says the new group alone (R34). Sessions of its clients stay, so that what was
// executed does not execute again under the same timestamp (R23); but they rank
// behind all that the new group opens, whose sequence numbers start anew.
func Inherit(g *consensus.Group, next func() (Change, bool, error)) func() (Change, bool, error) {
	i := &inheritance{group: g, next: next, enrolled: map[consensus.ClientID]struct{}{}}
	for j := range g.Genesis.Clients {
		e := &g.Genesis.Clients[j]
		i.enrolled[e.Client] = struct{}{}
		i.clients = append(i.clients, Change{Key: []byte(clientKey(e.Client)), Value: marshalEnrolment(e)})
	}
	slices.SortFunc(i.clients, func(a, b Change) int { return bytes.Compare(a.Key, b.Key) })
	return i.entry
}

// InheritedChain is where the write-set chain of a group begins that has an
// origin: the group id covers with which state.
func InheritedChain(g *consensus.Group) crypto.Digest {
	return NextChain(g.Genesis.Origin.Chain, 0, g.ID)
}

// ReadClient returns the enrolment that an entry of a state holds; ok is false if
// it holds another thing.
func ReadClient(c Change) (e consensus.Enrolment, ok bool) {
	rest, ok := bytes.CutPrefix(c.Key, []byte{frameworkPrefix, clientPrefix})
	if !ok {
		return e, false
	}
	s := cryptobyte.String(c.Value)
	e, ok = consensus.ReadEnrolment(&s)
	return e, ok && s.Empty() && bytes.Equal(rest, e.Client[:])
}

// An inheritance is one pass over the entries of a snapshot.
type inheritance struct {
	group    *consensus.Group
	next     func() (Change, bool, error)
	clients  []Change // not put out yet: their table is the first of the key space
	enrolled map[consensus.ClientID]struct{}
	meta     bool // was there
}

func (i *inheritance) entry() (Change, bool, error) {
	if len(i.clients) > 0 {
		c := i.clients[0]
		i.clients = i.clients[1:]
		return c, true, nil
	}
	for {
		c, ok, err := i.next()
		if err != nil {
			return Change{}, false, err
		}
		if !ok {
			if !i.meta {
				return Change{}, false, errors.New("the snapshot has no meta entry")
			}
			return Change{}, false, nil
		}
		if keep, err := i.adapt(&c); err != nil || keep {
			return c, err == nil, err
		}
	}
}

// adapt changes what the framework keeps of the other group; keep is false for
// what does not come over.
func (i *inheritance) adapt(c *Change) (keep bool, err error) {
	key := cryptobyte.String(c.Key)
	var prefix, table uint8
	if !key.ReadUint8(&prefix) || prefix == applicationPrefix {
		return true, nil
	}
	if prefix != frameworkPrefix || !key.ReadUint8(&table) {
		return false, fmt.Errorf("the snapshot has an entry %x of no table that this version knows", c.Key)
	}
	switch table {
	case clientPrefix:
		return false, nil
	case highestPrefix:
		return true, nil // as it is for a client that was removed
	case metaKey[1]:
		c.Value, err = i.inheritMeta(c.Value)
		return true, err
	case sessionPrefix:
		return i.inheritSession(c, key)
	}
	return false, fmt.Errorf("the snapshot has an entry %x of no table that this version knows", c.Key)
}

func (i *inheritance) inheritMeta(value []byte) ([]byte, error) {
	m, ok := readMeta(value)
	origin := &i.group.Genesis.Origin
	switch {
	case !ok:
		return nil, errors.New("the meta entry of the snapshot is malformed")
	case m.version != ExecutionVersion:
		return nil, fmt.Errorf("the snapshot was made by execution version %d, this is %d", m.version, ExecutionVersion)
	case m.group != origin.Group || m.epoch != origin.Epoch || m.sequence != origin.Sequence:
		return nil, fmt.Errorf("the snapshot is of group %s at %d, the origin of group %s at %d",
			m.group.Short(), m.sequence, origin.Group.Short(), origin.Sequence)
	}
	i.meta = true
	m.group, m.epoch, m.sequence = i.group.ID, i.group.Epoch, 0
	return m.marshal(), nil
}

func (i *inheritance) inheritSession(c *Change, key cryptobyte.String) (keep bool, err error) {
	var id consensus.ClientID
	s, ok := readSession(c.Value, &i.group.Genesis.Parameters)
	if !ok || !key.CopyBytes(id[:]) {
		return false, fmt.Errorf("session %x does not fit: session_window and session_bytes_max have to be at least those of the group that ended", c.Key)
	}
	if _, ok := i.enrolled[id]; !ok {
		return false, nil
	}
	// They counted batches of another group. Left as they are, each session opened
	// now would be the first to be evicted (R26).
	s.opened.sequence, s.last = 0, 0
	for j := range s.entries {
		s.entries[j].sequence = 0
	}
	c.Value = s.marshal()
	return true, nil
}
