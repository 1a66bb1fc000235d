package core

import (
	"errors"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/replica/transfer"
)

// RequestMessage is a client's request, from the client or passed on (R30).
type RequestMessage struct{ Request *consensus.Request }

// RequestsMessage answers a fetch of bodies.
type RequestsMessage struct{ Requests []*consensus.Request }

// BatchMessage answers a fetch of a batch.
type BatchMessage struct{ Batch *consensus.Batch }

// FetchBatchMessage asks for a batch.
type FetchBatchMessage struct{ wire.FetchBatch }

// FetchRequestsMessage asks for bodies.
type FetchRequestsMessage struct{ wire.FetchRequests }

// Type returns the message type.
func (RequestMessage) Type() consensus.MessageType { return consensus.TypeRequest }

// Type returns the message type.
func (RequestsMessage) Type() consensus.MessageType { return wire.TypeRequests }

// Type returns the message type.
func (BatchMessage) Type() consensus.MessageType { return wire.TypeBatch }

// Type returns the message type.
func (FetchBatchMessage) Type() consensus.MessageType { return wire.TypeFetchBatch }

// Type returns the message type.
func (FetchRequestsMessage) Type() consensus.MessageType { return wire.TypeFetchRequests }

// ErrUnknownType refuses a frame whose type nobody here reads (R16).
var ErrUnknownType = errors.New("core: unknown message type")

// A Decoder reads the frames of replicas and clients, for the verify pool. It is
// stateless and safe for concurrent use, if Wanted is.
type Decoder struct {
	Group *consensus.Group
	Codec consensus.Codec
	// Wanted says whether a batch or body is one that was asked for (Output.Wanted).
	// Others are dropped before a signature is checked: whoever makes keys of his own
	// makes valid requests without end, and each check costs more than sending it
	// (R17). Without it everything is wanted.
	Wanted func(crypto.Digest) bool
}

// Replica decodes a frame that came from another replica. The message keeps the
// frame's bytes.
func (d Decoder) Replica(frame []byte, hint consensus.Hint) (crypto.Unverified[consensus.Message], error) {
	t := wire.Type(frame)
	switch {
	case t == consensus.TypeRequest:
		return d.Client(frame)
	case t == consensus.TypeSnapshot:
		return wire.ReadSignedSnapshot(frame, d.Group)
	case t >= consensus.TypeEngineFirst && t <= consensus.TypeEngineLast:
		return d.Codec.Decode(frame, hint)
	case t >= wire.TypeStateFirst && t <= wire.TypeStateLast:
		return transfer.Decode(frame, d.Group)
	}
	return d.fetch(t, frame)
}

func (d Decoder) fetch(t consensus.MessageType, frame []byte) (out crypto.Unverified[consensus.Message], err error) {
	switch t {
	case wire.TypeFetchBatch:
		m, err := wire.ReadFetchBatch(frame)
		out.Value = FetchBatchMessage{m}
		return out, err
	case wire.TypeFetchRequests:
		m, err := wire.ReadFetchRequests(frame, &d.Group.Genesis.Parameters)
		out.Value = FetchRequestsMessage{m}
		return out, err
	case wire.TypeRequests:
		return d.requests(frame)
	case wire.TypeBatch:
		return d.batch(cryptobyte.String(frame[1:]))
	}
	return out, ErrUnknownType
}

func (d Decoder) batch(s cryptobyte.String) (out crypto.Unverified[consensus.Message], err error) {
	digest, ok := consensus.BatchDigest(s)
	if ok && d.Wanted != nil && !d.Wanted(digest) {
		return out, consensus.ErrStale
	}
	m, ok := consensus.DecodeBatch(s, d.Group)
	if !ok {
		return out, wire.ErrForm
	}
	out.Value, out.Checks = BatchMessage{m.Value}, m.Checks
	return out, nil
}

// requests keeps the bodies that are wanted.
func (d Decoder) requests(frame []byte) (out crypto.Unverified[consensus.Message], err error) {
	m, err := wire.ReadRequests(frame, d.Group)
	if err != nil {
		return out, err
	}
	var wanted []*consensus.Request
	for _, u := range m {
		if d.Wanted == nil || d.Wanted(u.Value.Digest()) {
			wanted = append(wanted, u.Value)
			out.Checks = append(out.Checks, u.Checks...)
		}
	}
	if len(wanted) == 0 {
		return out, consensus.ErrStale
	}
	out.Value = RequestsMessage{wanted}
	return out, nil
}

// Client decodes a frame that carries a request.
func (d Decoder) Client(frame []byte) (out crypto.Unverified[consensus.Message], err error) {
	if wire.Type(frame) != consensus.TypeRequest {
		return out, ErrUnknownType
	}
	r, err := consensus.DecodeRequest(frame[1:], d.Group)
	if err != nil {
		return out, err
	}
	out.Value, out.Checks = RequestMessage{r.Value}, r.Checks
	return out, nil
}
