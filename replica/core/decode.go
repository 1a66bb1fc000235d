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
// stateless and safe for concurrent use.
type Decoder struct {
	Group *consensus.Group
	Codec consensus.Codec
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
		m, err := wire.ReadRequests(frame, d.Group)
		out.Value, out.Checks = RequestsMessage{m.Value}, m.Checks
		return out, err
	case wire.TypeBatch:
		m, ok := consensus.DecodeBatch(cryptobyte.String(frame[1:]), d.Group)
		if !ok {
			return out, wire.ErrForm
		}
		out.Value, out.Checks = BatchMessage{m.Value}, m.Checks
		return out, nil
	}
	return out, ErrUnknownType
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
