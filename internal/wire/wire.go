// Package wire holds the unsigned frames: what clients and replicas say to each
// other around the signed requests and receipts, and what replicas ask of each
// other when they lack a batch. It decides nothing and keeps nothing.
//
// Each frame is a type byte followed by exactly one encoding; anything else is
// refused (R16). Decoders keep the bytes that they were given, take no memory out
// of proportion to them (R103), and are safe for concurrent use.
//
// Engines own their messages and package transfer owns those of state transfer;
// docs/wire-format.md describes all of them.
package wire

import (
	"errors"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// Frame types. Requests travel as consensus.TypeRequest followed by
// consensus.Request.Encoding, from a client or forwarded by a replica (R30).
const (
	TypeFetchBatch    consensus.MessageType = 64 // content and bodies of a batch, by its digest
	TypeBatch         consensus.MessageType = 65
	TypeFetchRequests consensus.MessageType = 66 // bodies of some requests
	TypeRequests      consensus.MessageType = 67
	TypeStateFirst    consensus.MessageType = 80 // 80 to 95: package transfer
	TypeStateLast     consensus.MessageType = 95

	TypeReply        consensus.MessageType = 128
	TypeRefusal      consensus.MessageType = 129
	TypeStatusQuery  consensus.MessageType = 130
	TypeStatusAnswer consensus.MessageType = 131
)

// ErrForm is the answer to bytes that are not the one encoding of a frame.
var ErrForm = errors.New("wire: not the one encoding of its type")

// Type returns the type byte of a frame, 0 for an empty one.
func Type(frame []byte) consensus.MessageType {
	if len(frame) == 0 {
		return 0
	}
	return consensus.MessageType(frame[0])
}

// body returns what follows the type byte of a frame of that type; ok is false if it
// is another one.
func body(frame []byte, t consensus.MessageType) (s cryptobyte.String, ok bool) {
	if Type(frame) != t || t == 0 {
		return nil, false
	}
	return frame[1:], true
}

// RequestFrame returns the frame that carries a request.
func RequestFrame(r *consensus.Request) []byte {
	f := make([]byte, 0, 1+len(r.Encoding()))
	f = append(f, byte(consensus.TypeRequest))
	return append(f, r.Encoding()...)
}

// FetchBatch asks for a batch by its digest (R22).
type FetchBatch struct{ Digest crypto.Digest }

// Marshal returns the frame.
func (m FetchBatch) Marshal() []byte {
	return append([]byte{byte(TypeFetchBatch)}, m.Digest[:]...)
}

// ReadFetchBatch reads a frame of TypeFetchBatch.
func ReadFetchBatch(frame []byte) (m FetchBatch, err error) {
	s, ok := body(frame, TypeFetchBatch)
	if !ok || !s.CopyBytes(m.Digest[:]) || !s.Empty() {
		return m, ErrForm
	}
	return m, nil
}

// BatchFrame answers FetchBatch. Read it with consensus.DecodeBatch(frame[1:]).
func BatchFrame(b *consensus.Batch) []byte {
	return append([]byte{byte(TypeBatch)}, b.Marshal()...)
}

// FetchRequests asks for the bodies of requests of a batch, by their digests
// (R22). It names the batch so that the answer can come from a batch that was
// executed already.
type FetchRequests struct {
	Batch    crypto.Digest
	Requests []crypto.Digest // at least one
}

// Marshal returns the frame.
func (m FetchRequests) Marshal() []byte {
	f := make([]byte, 0, 1+crypto.DigestSize*(1+len(m.Requests)))
	f = append(f, byte(TypeFetchRequests))
	f = append(f, m.Batch[:]...)
	for i := range m.Requests {
		f = append(f, m.Requests[i][:]...)
	}
	return f
}

// ReadFetchRequests reads a frame of TypeFetchRequests.
func ReadFetchRequests(frame []byte, p *consensus.Parameters) (m FetchRequests, err error) {
	s, ok := body(frame, TypeFetchRequests)
	if !ok || !s.CopyBytes(m.Batch[:]) || s.Empty() || len(s)%crypto.DigestSize != 0 ||
		uint64(len(s)/crypto.DigestSize) > p.BatchRequestsMax {
		return FetchRequests{}, ErrForm
	}
	m.Requests = make([]crypto.Digest, len(s)/crypto.DigestSize)
	for i := range m.Requests {
		s.CopyBytes(m.Requests[i][:])
	}
	return m, nil
}

// RequestsFrame answers FetchRequests with the bodies that the sender holds.
func RequestsFrame(requests []*consensus.Request) []byte {
	size := 1
	for _, r := range requests {
		size += 4 + len(r.Encoding())
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, size))
	b.AddUint8(byte(TypeRequests))
	for _, r := range requests {
		b.AddUint32(uint32(len(r.Encoding())))
		b.AddBytes(r.Encoding())
	}
	return b.BytesOrPanic()
}

// ReadRequests reads a frame of TypeRequests, and returns each request with the
// client's signature that has to hold before it is used (R20).
func ReadRequests(frame []byte, g *consensus.Group) (out []crypto.Unverified[*consensus.Request], err error) {
	p := &g.Genesis.Parameters
	s, ok := body(frame, TypeRequests)
	if !ok || s.Empty() || uint64(len(s)) > p.BatchBytesMax+4*p.BatchRequestsMax {
		return nil, ErrForm
	}
	for !s.Empty() {
		var size uint32
		var body []byte
		if !s.ReadUint32(&size) || uint64(size) > uint64(len(s)) || !s.ReadBytes(&body, int(size)) ||
			uint64(len(out)) == p.BatchRequestsMax {
			return nil, ErrForm
		}
		r, err := consensus.DecodeRequest(body, g)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}
