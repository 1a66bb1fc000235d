package transfer

import (
	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
)

// Frame types, from wire.TypeStateFirst on. Numbers are part of the wire format.
const (
	typeAskPlan consensus.MessageType = wire.TypeStateFirst + iota
	typePlan
	typeAskChunk
	typeChunk
	typeGone
)

const (
	// chunkBytes is how much of an item one answer carries.
	chunkBytes = 256 << 10
	// planWindowsMax bounds the windows of a plan.
	planWindowsMax = 4096
)

// askPlan asks how to get from a checkpoint to a later one. Whole asks for a plan
// that begins with a snapshot, whatever the asker has.
type askPlan struct {
	From   consensus.Sequence
	Target consensus.Sequence
	Whole  bool
}

// A plan names what has to be fetched. It is believed because the chain that its
// windows add up to is the certified one, not because of who sent it.
type plan struct {
	From     consensus.Sequence // as asked; answers are matched by both
	Target   consensus.Sequence
	Snapshot *wire.SnapshotCertificate // if the windows begin there and not at From
	Windows  []planWindow              // one for each checkpoint, ascending
}

type planWindow struct {
	Sequence consensus.Sequence
	WriteSet crypto.Digest
}

// An item is something that is fetched in chunks.
type item struct {
	Kind  itemKind
	At    consensus.Sequence // the snapshot's or window's checkpoint
	Index uint8              // of a partition
}

type itemKind uint8

const (
	itemTable     itemKind = 1 // the digests and counts of a snapshot's partitions
	itemPartition itemKind = 2
	itemWindow    itemKind = 3
)

type askChunk struct {
	Item   item
	Offset uint64
}

type chunk struct {
	Item   item
	Offset uint64
	Last   bool
	Data   []byte
}

// gone says that the sender does not hold an item, or knows no plan.
type gone struct{ Item item }

func (askPlan) Type() consensus.MessageType  { return typeAskPlan }
func (plan) Type() consensus.MessageType     { return typePlan }
func (askChunk) Type() consensus.MessageType { return typeAskChunk }
func (chunk) Type() consensus.MessageType    { return typeChunk }
func (gone) Type() consensus.MessageType     { return typeGone }

// Question reports whether a message is for the Server; the others are for the
// Fetcher.
func Question(m consensus.Message) bool {
	return m.Type() == typeAskPlan || m.Type() == typeAskChunk
}

func (m askPlan) marshal() []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, 18))
	b.AddUint8(byte(typeAskPlan))
	b.AddUint64(uint64(m.From))
	b.AddUint64(uint64(m.Target))
	addBool(b, m.Whole)
	return b.BytesOrPanic()
}

func (m plan) marshal() []byte {
	var b cryptobyte.Builder
	b.AddUint8(byte(typePlan))
	b.AddUint64(uint64(m.From))
	b.AddUint64(uint64(m.Target))
	addBool(&b, m.Snapshot != nil)
	if m.Snapshot != nil {
		b.AddBytes(m.Snapshot.Marshal())
	}
	b.AddUint32(uint32(len(m.Windows)))
	for _, w := range m.Windows {
		b.AddUint64(uint64(w.Sequence))
		b.AddBytes(w.WriteSet[:])
	}
	return b.BytesOrPanic()
}

func (m askChunk) marshal() []byte {
	var b cryptobyte.Builder
	b.AddUint8(byte(typeAskChunk))
	m.Item.marshal(&b)
	b.AddUint64(m.Offset)
	return b.BytesOrPanic()
}

func (m chunk) marshal() []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, 24+len(m.Data)))
	b.AddUint8(byte(typeChunk))
	m.Item.marshal(b)
	b.AddUint64(m.Offset)
	addBool(b, m.Last)
	b.AddBytes(m.Data)
	return b.BytesOrPanic()
}

func (m gone) marshal() []byte {
	var b cryptobyte.Builder
	b.AddUint8(byte(typeGone))
	m.Item.marshal(&b)
	return b.BytesOrPanic()
}

func (i item) marshal(b *cryptobyte.Builder) {
	b.AddUint8(uint8(i.Kind))
	b.AddUint64(uint64(i.At))
	b.AddUint8(i.Index)
}

func (i *item) read(s *cryptobyte.String) bool {
	return s.ReadUint8((*uint8)(&i.Kind)) && s.ReadUint64((*uint64)(&i.At)) && s.ReadUint8(&i.Index) &&
		i.Kind <= itemWindow && (i.Kind == itemPartition || i.Index == 0)
}

func addBool(b *cryptobyte.Builder, v bool) {
	if v {
		b.AddUint8(1)
	} else {
		b.AddUint8(0)
	}
}

func readBool(s *cryptobyte.String, v *bool) bool {
	var x uint8
	if !s.ReadUint8(&x) || x > 1 {
		return false
	}
	*v = x == 1
	return true
}

// Decode reads a frame of state transfer. A chunk keeps the frame's bytes.
func Decode(frame []byte, g *consensus.Group) (out crypto.Unverified[consensus.Message], err error) {
	if len(frame) == 0 {
		return out, wire.ErrForm
	}
	s := cryptobyte.String(frame[1:])
	ok := false
	switch wire.Type(frame) {
	case typeAskPlan:
		var m askPlan
		ok = s.ReadUint64((*uint64)(&m.From)) && s.ReadUint64((*uint64)(&m.Target)) && readBool(&s, &m.Whole)
		out.Value = m
	case typePlan:
		return decodePlan(s, g)
	case typeAskChunk:
		var m askChunk
		ok = m.Item.read(&s) && m.Item.Kind >= itemTable && s.ReadUint64(&m.Offset)
		out.Value = m
	case typeChunk:
		var m chunk
		ok = m.Item.read(&s) && s.ReadUint64(&m.Offset) && readBool(&s, &m.Last) && len(s) <= chunkBytes
		m.Data, s = s, nil
		out.Value = m
	case typeGone:
		var m gone
		ok = m.Item.read(&s)
		out.Value = m
	}
	if !ok || !s.Empty() {
		return crypto.Unverified[consensus.Message]{}, wire.ErrForm
	}
	return out, nil
}

func decodePlan(s cryptobyte.String, g *consensus.Group) (out crypto.Unverified[consensus.Message], err error) {
	var m plan
	var snapshot bool
	var count uint32
	if !s.ReadUint64((*uint64)(&m.From)) || !s.ReadUint64((*uint64)(&m.Target)) || !readBool(&s, &snapshot) {
		return out, wire.ErrForm
	}
	if snapshot {
		c, err := wire.ReadSnapshotCertificate(&s, g)
		if err != nil {
			return out, err
		}
		m.Snapshot, out.Checks = &c.Value, c.Checks
	}
	if !s.ReadUint32(&count) || count > planWindowsMax || len(s) != int(count)*(8+crypto.DigestSize) {
		return crypto.Unverified[consensus.Message]{}, wire.ErrForm
	}
	m.Windows = make([]planWindow, count)
	for i := range m.Windows {
		s.ReadUint64((*uint64)(&m.Windows[i].Sequence))
		s.CopyBytes(m.Windows[i].WriteSet[:])
	}
	out.Value = m
	return out, nil
}
