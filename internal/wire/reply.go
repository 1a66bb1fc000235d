package wire

import (
	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A Reply gives one client the results of its requests that one batch executed,
// under one signed root (design, idea 6). The client believes it because of the
// channel that it came over; the signature makes it a receipt (R28, R29).
type Reply struct {
	Root      crypto.Digest
	Signature crypto.Signature
	Entries   []ReplyEntry // at least one
}

// A ReplyEntry is the outcome of one request.
type ReplyEntry struct {
	Leaf    consensus.Leaf
	Path    crypto.Path
	Results []byte // consensus.MarshalResults; empty if only their digest is kept (R28)
}

// replyEntriesMax bounds the entries of a reply by what a batch may order.
const replyEntriesMax = 1 << 14

// Marshal returns the frame.
func (m Reply) Marshal() []byte {
	size := 1 + crypto.DigestSize + crypto.SignatureSize
	for i := range m.Entries {
		size += 160 + len(m.Entries[i].Results) + crypto.DigestSize*len(m.Entries[i].Path.Siblings)
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, size))
	b.AddUint8(byte(TypeReply))
	b.AddBytes(m.Root[:])
	b.AddBytes(m.Signature[:])
	for i := range m.Entries {
		e := &m.Entries[i]
		e.Leaf.Marshal(b)
		addPath(b, e.Path)
		b.AddUint32(uint32(len(e.Results)))
		b.AddBytes(e.Results)
	}
	return b.BytesOrPanic()
}

// ReadReply reads a frame of TypeReply.
func ReadReply(frame []byte) (Reply, error) {
	var m Reply
	s, ok := body(frame, TypeReply)
	if !ok || !s.CopyBytes(m.Root[:]) || !s.CopyBytes(m.Signature[:]) || s.Empty() {
		return Reply{}, ErrForm
	}
	for !s.Empty() {
		var e ReplyEntry
		var size uint32
		if len(m.Entries) == replyEntriesMax {
			return Reply{}, ErrForm
		}
		if e.Leaf, ok = consensus.ReadLeaf(&s); !ok {
			return Reply{}, ErrForm
		}
		if e.Path, ok = readPath(&s); !ok {
			return Reply{}, ErrForm
		}
		if !s.ReadUint32(&size) || uint64(size) > uint64(len(s)) || !s.ReadBytes(&e.Results, int(size)) {
			return Reply{}, ErrForm
		}
		m.Entries = append(m.Entries, e)
	}
	return m, nil
}

func addPath(b *cryptobyte.Builder, p crypto.Path) {
	b.AddUint32(p.Index)
	b.AddUint32(p.Count)
	b.AddUint8(uint8(len(p.Siblings)))
	for i := range p.Siblings {
		b.AddBytes(p.Siblings[i][:])
	}
}

// pathSiblingsMax is above the height of any tree that a batch can have.
const pathSiblingsMax = 32

func readPath(s *cryptobyte.String) (p crypto.Path, ok bool) {
	var count uint8
	if !s.ReadUint32(&p.Index) || !s.ReadUint32(&p.Count) || !s.ReadUint8(&count) || count > pathSiblingsMax ||
		int(count)*crypto.DigestSize > len(*s) {
		return crypto.Path{}, false
	}
	if count > 0 {
		p.Siblings = make([]crypto.Digest, count)
	}
	for i := range p.Siblings {
		s.CopyBytes(p.Siblings[i][:])
	}
	return p, true
}

// MarshalReceipt returns the encoding of a receipt as it is stored and shown to
// third parties.
func MarshalReceipt(r consensus.Receipt) []byte {
	var b cryptobyte.Builder
	r.Leaf.Marshal(&b)
	for _, root := range r.Roots {
		b.AddUint32(uint32(root.Replica))
		b.AddBytes(root.Root[:])
		b.AddBytes(root.Signature[:])
		addPath(&b, root.Path)
	}
	return b.BytesOrPanic()
}

// ReadReceipt reads what MarshalReceipt wrote. It says nothing about whether the
// receipt holds: Receipt.Verify does.
func ReadReceipt(encoding []byte) (consensus.Receipt, error) {
	s := cryptobyte.String(encoding)
	var r consensus.Receipt
	var ok bool
	if r.Leaf, ok = consensus.ReadLeaf(&s); !ok {
		return consensus.Receipt{}, ErrForm
	}
	for !s.Empty() {
		var root consensus.SignedRoot
		if len(r.Roots) == consensus.ReplicasMax || !s.ReadUint32((*uint32)(&root.Replica)) ||
			!s.CopyBytes(root.Root[:]) || !s.CopyBytes(root.Signature[:]) {
			return consensus.Receipt{}, ErrForm
		}
		if root.Path, ok = readPath(&s); !ok {
			return consensus.Receipt{}, ErrForm
		}
		r.Roots = append(r.Roots, root)
	}
	return r, nil
}
