package statemachine

import (
	"math"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// ExecutionVersion numbers the rules by which batches are executed. Replicas with
// different ones have different states, and their checkpoints differ (R49).
const ExecutionVersion = 1

// A meta is what the state says about itself. It is written with every window, so
// that a checkpoint certifies all of it (R49).
type meta struct {
	version  uint32 // of execution
	group    crypto.Digest
	epoch    consensus.Epoch
	sequence consensus.Sequence
	time     consensus.Time
	history  crypto.Digest
}

func (m *meta) marshal() []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, 92))
	b.AddUint32(m.version)
	b.AddBytes(m.group[:])
	b.AddUint64(uint64(m.epoch))
	b.AddUint64(uint64(m.sequence))
	b.AddUint64(uint64(m.time))
	b.AddBytes(m.history[:])
	return b.BytesOrPanic()
}

// readMeta reads what marshal wrote, and nothing else.
func readMeta(s cryptobyte.String) (m meta, ok bool) {
	ok = s.ReadUint32(&m.version) && s.CopyBytes(m.group[:]) && s.ReadUint64((*uint64)(&m.epoch)) &&
		s.ReadUint64((*uint64)(&m.sequence)) && readTime(&s, &m.time) && s.CopyBytes(m.history[:]) && s.Empty()
	return m, ok
}

func readTime(s *cryptobyte.String, t *consensus.Time) bool {
	var v uint64
	ok := s.ReadUint64(&v) && v <= math.MaxInt64
	*t = consensus.Time(v)
	return ok
}

// Genesis returns the state of a group before its first batch, and the marker
// under which it is stored. Everyone who has the genesis configuration gets the
// same.
func Genesis(g *consensus.Group) ([]Change, Marker) {
	o := newOverlay(nil, 0)
	for i := range g.Genesis.Clients {
		e := &g.Genesis.Clients[i]
		o.put(clientKey(e.Client), cell{value: marshalEnrolment(e)})
	}
	first := meta{version: ExecutionVersion, group: g.ID, epoch: g.Epoch}
	o.put(metaKey, cell{value: first.marshal()})
	changes := o.close(0)
	return changes, Marker{Version: VersionAt(0, 1), Chain: NextChain(crypto.Digest{}, 0, WriteSetDigest(changes))}
}
