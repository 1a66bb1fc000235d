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
	typeAskEntries
	typeEntries
	typeHold
	typeWait
)

// OfState reports whether a frame carries something of its sender's state: what a
// replica that does not believe its own must not send (R51).
func OfState(frame []byte) bool {
	t := wire.Type(frame)
	return t == typePlan || t == typeChunk || t == typeEntries
}

const (
	// chunkBytes is how much of an item one answer carries; of entries, which stay
	// whole, at least as much.
	chunkBytes = 256 << 10
	// wantedBytesMax bounds the positions that one question for entries names.
	wantedBytesMax = 128 << 10
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

func (i item) ofPartition() bool { return i.Kind == itemPartition || i.Kind == itemList }

type itemKind uint8

const (
	itemTable     itemKind = 1 // the digests and counts of a snapshot's partitions
	itemPartition itemKind = 2
	itemWindow    itemKind = 3
	itemList      itemKind = 4 // the short digests of a partition's entries
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

// askEntries asks for entries of a partition, by their positions in its list: From,
// and From + i for each bit i of Wanted that is set; without Wanted, for all from
// there on.
type askEntries struct {
	At     consensus.Sequence
	Index  uint8
	From   uint32
	Wanted []byte
}

// entries gives the first ones of those that were asked for: as few as make up
// chunkBytes, or all.
type entries struct {
	At    consensus.Sequence
	Index uint8
	From  uint32
	Data  []byte
}

// hold says that the sender is going to ask for a snapshot: it is kept for a while
// (R55), and made ready.
type hold struct{ At consensus.Sequence }

// wait says that the sender has an item, and needs a while before it can give it.
type wait struct{ Item item }

// gone says that the sender does not hold an item, or knows no plan.
type gone struct{ Item item }

func (askPlan) Type() consensus.MessageType  { return typeAskPlan }
func (plan) Type() consensus.MessageType     { return typePlan }
func (askChunk) Type() consensus.MessageType { return typeAskChunk }
func (chunk) Type() consensus.MessageType    { return typeChunk }
func (gone) Type() consensus.MessageType     { return typeGone }

func (askEntries) Type() consensus.MessageType { return typeAskEntries }
func (entries) Type() consensus.MessageType    { return typeEntries }
func (hold) Type() consensus.MessageType       { return typeHold }
func (wait) Type() consensus.MessageType       { return typeWait }

// Question reports whether a message is for the Server; the others are for the
// Fetcher.
func Question(m consensus.Message) bool {
	switch m.Type() {
	case typeAskPlan, typeAskChunk, typeAskEntries, typeHold:
		return true
	}
	return false
}

// Asks returns the snapshot that a question is about; false if it is about none.
// Whoever serves keeps that snapshot while it is asked for (R55).
func Asks(m consensus.Message) (at consensus.Sequence, ok bool) {
	switch m := m.(type) {
	case askChunk:
		return m.Item.At, m.Item.Kind != itemWindow
	case askEntries:
		return m.At, true
	case hold:
		return m.At, true
	}
	return 0, false
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

func (m gone) marshal() []byte { return m.Item.frame(typeGone) }
func (m wait) marshal() []byte { return m.Item.frame(typeWait) }

// frame returns a frame that says nothing but an item.
func (i item) frame(t consensus.MessageType) []byte {
	var b cryptobyte.Builder
	b.AddUint8(byte(t))
	i.marshal(&b)
	return b.BytesOrPanic()
}

func (m hold) marshal() []byte {
	var b cryptobyte.Builder
	b.AddUint8(byte(typeHold))
	b.AddUint64(uint64(m.At))
	return b.BytesOrPanic()
}

func (m askEntries) marshal() []byte {
	return marshalEntries(typeAskEntries, m.At, m.Index, m.From, m.Wanted)
}

func (m entries) marshal() []byte { return marshalEntries(typeEntries, m.At, m.Index, m.From, m.Data) }

func marshalEntries(t consensus.MessageType, at consensus.Sequence, index uint8, from uint32, rest []byte) []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, 14+len(rest)))
	b.AddUint8(byte(t))
	b.AddUint64(uint64(at))
	b.AddUint8(index)
	b.AddUint32(from)
	b.AddBytes(rest)
	return b.BytesOrPanic()
}

func (i item) marshal(b *cryptobyte.Builder) {
	b.AddUint8(uint8(i.Kind))
	b.AddUint64(uint64(i.At))
	b.AddUint8(i.Index)
}

func (i *item) read(s *cryptobyte.String) bool {
	return s.ReadUint8((*uint8)(&i.Kind)) && s.ReadUint64((*uint64)(&i.At)) && s.ReadUint8(&i.Index) &&
		i.Kind <= itemList && (i.ofPartition() || i.Index == 0)
}

// chunked reports whether an item is asked for by its bytes.
func (i item) chunked() bool {
	return i.Kind == itemTable || i.Kind == itemWindow || i.Kind == itemList
}

// positionsValid reports whether this is the one encoding of a set of positions.
func positionsValid(wanted []byte) bool {
	n := len(wanted)
	return n == 0 || (n <= wantedBytesMax && wanted[0]&1 == 1 && wanted[n-1] != 0)
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
		ok = m.Item.read(&s) && m.Item.chunked() && s.ReadUint64(&m.Offset)
		out.Value = m
	case typeChunk:
		var m chunk
		ok = m.Item.read(&s) && m.Item.chunked() && s.ReadUint64(&m.Offset) && readBool(&s, &m.Last) && len(s) <= chunkBytes
		m.Data, s = s, nil
		out.Value = m
	case typeGone:
		var m gone
		ok = m.Item.read(&s)
		out.Value = m
	case typeWait:
		var m wait
		ok = m.Item.read(&s)
		out.Value = m
	case typeHold:
		var m hold
		ok = s.ReadUint64((*uint64)(&m.At))
		out.Value = m
	case typeAskEntries:
		var m askEntries
		ok = s.ReadUint64((*uint64)(&m.At)) && s.ReadUint8(&m.Index) && s.ReadUint32(&m.From)
		m.Wanted, s = s, nil
		ok = ok && positionsValid(m.Wanted)
		out.Value = m
	case typeEntries:
		var m entries
		ok = s.ReadUint64((*uint64)(&m.At)) && s.ReadUint8(&m.Index) && s.ReadUint32(&m.From)
		m.Data, s = s, nil
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
