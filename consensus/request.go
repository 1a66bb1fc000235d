package consensus

import (
	"errors"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/crypto"
)

// A RequestKind says what a request asks for.
type RequestKind uint8

// The kinds of requests. Numbers are part of the wire format.
const (
	KindOperations  RequestKind = 1 // operations for the application
	KindOpenSession RequestKind = 2 // opens Session; Timestamp 0, no operations (R26)
	KindAdmin       RequestKind = 3 // operations on the table of clients, by an operator (R34)
)

// TypeRequest is the message type under which clients sign.
const TypeRequest MessageType = 1

// A Request is a signed list of operations. It is immutable once made, and its
// digest covers its exact bytes with the signature (R9, R10).
type Request struct {
	Kind       RequestKind
	Client     ClientID
	Session    SessionNumber
	Timestamp  Timestamp
	Done       Timestamp // the client needs no result at or below this one any more (R26)
	Operations [][]byte

	encoding []byte
	digest   crypto.Digest
}

// requestHead is the number of bytes before the operations.
const requestHead = 1 + crypto.KeySize + 8 + 8 + 8 + 4

// SignRequest returns the request with its encoding and digest. The operations'
// bytes are copied. The caller keeps within Parameters; a decoder refuses more.
func SignRequest(r Request, domain crypto.Domain, signer crypto.Signer) *Request {
	r.Client = ClientID(signer.Public())
	size := requestHead + crypto.SignatureSize
	for _, op := range r.Operations {
		size += 4 + len(op)
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, size))
	b.AddUint8(uint8(r.Kind))
	b.AddBytes(r.Client[:])
	b.AddUint64(uint64(r.Session))
	b.AddUint64(uint64(r.Timestamp))
	b.AddUint64(uint64(r.Done))
	b.AddUint32(uint32(len(r.Operations)))
	for _, op := range r.Operations {
		b.AddUint32(uint32(len(op)))
		b.AddBytes(op)
	}
	body := b.BytesOrPanic()
	sig := signer.Sign(domain.Statement(byte(TypeRequest), body))
	r.encoding = append(body, sig[:]...)
	r.digest = crypto.Hash(crypto.KindRequest, r.encoding)
	r.Operations = nil
	readOperations(cryptobyte.String(r.encoding[requestHead:len(body)]), &r, size)
	return &r
}

// Encoding returns the exact signed bytes, signature last. The caller must not
// change them.
func (r *Request) Encoding() []byte { return r.encoding }

// Digest identifies the request, signature included (R10).
func (r *Request) Digest() crypto.Digest { return r.digest }

// Errors of DecodeRequest.
var (
	ErrRequestForm = errors.New("request: not the one encoding of a request")
	ErrRequestSize = errors.New("request: over the limits of the group")
)

// DecodeRequest reads a request of exactly these bytes, which it keeps, and
// returns the signature check that has to hold before the request is used. What
// it accepts depends only on the bytes and on agreed configuration (R20).
func DecodeRequest(encoding []byte, g *Group) (crypto.Unverified[*Request], error) {
	var none crypto.Unverified[*Request]
	p := &g.Genesis.Parameters
	if uint64(len(encoding)) > p.RequestBytesMax {
		return none, ErrRequestSize
	}
	if len(encoding) < requestHead+crypto.SignatureSize {
		return none, ErrRequestForm
	}
	body := encoding[:len(encoding)-crypto.SignatureSize]
	r := &Request{encoding: encoding}
	s := cryptobyte.String(body)
	var kind uint8
	var count uint32
	if !s.ReadUint8(&kind) || !s.CopyBytes(r.Client[:]) || !s.ReadUint64((*uint64)(&r.Session)) ||
		!s.ReadUint64((*uint64)(&r.Timestamp)) || !s.ReadUint64((*uint64)(&r.Done)) || !s.ReadUint32(&count) {
		return none, ErrRequestForm
	}
	r.Kind = RequestKind(kind)
	if uint64(count) > p.RequestOperationsMax {
		return none, ErrRequestSize
	}
	if int(count)*4 > len(s) || !readOperations(s, r, int(count)) || len(r.Operations) != int(count) || !r.formed() {
		return none, ErrRequestForm
	}
	r.digest = crypto.Hash(crypto.KindRequest, encoding)
	check := crypto.Check{Key: crypto.PublicKey(r.Client), Statement: g.Domain().Statement(byte(TypeRequest), body)}
	copy(check.Signature[:], encoding[len(body):])
	return crypto.Unverified[*Request]{Value: r, Checks: []crypto.Check{check}}, nil
}

// formed reports whether the fields fit the kind of the request.
func (r *Request) formed() bool {
	switch r.Kind {
	case KindOperations, KindAdmin:
		return r.Session > 0 && r.Timestamp > 0 && r.Done < r.Timestamp && len(r.Operations) > 0
	case KindOpenSession:
		return r.Session > 0 && r.Timestamp == 0 && r.Done == 0 && len(r.Operations) == 0
	}
	return false
}

// readOperations reads all that is there, and takes no memory for more than most
// (R103).
func readOperations(s cryptobyte.String, r *Request, most int) bool {
	for !s.Empty() {
		var size uint32
		var op []byte
		if len(r.Operations) == most || !s.ReadUint32(&size) || uint64(size) > uint64(len(s)) || !s.ReadBytes(&op, int(size)) {
			return false
		}
		r.Operations = append(r.Operations, op)
	}
	return true
}
