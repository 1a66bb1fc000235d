package client

import (
	"errors"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
)

// A Result is what f+1 replicas or more said alike about an operation.
type Result struct {
	Class    consensus.ResultClass
	Value    []byte             // must not be changed: other results may share its memory
	Sequence consensus.Sequence // of the batch that executed the operation

	proof  *session.Proof
	client *Client
}

// ErrNoReceipt says that a Result did not come from a group.
var ErrNoReceipt = errors.New("client: the result has no receipt; only an executed operation has one")

// Receipt returns a proof of the result for third parties: signatures of f+1
// distinct replicas, which it has checked. Roots that many operations share are
// checked once. Operations invoked WithReceipt always have one; for others a
// replica that lies about its signature, and about nothing else, makes it fail.
func (r Result) Receipt() (consensus.Receipt, error) {
	if r.proof == nil {
		return consensus.Receipt{}, ErrNoReceipt
	}
	receipt := consensus.Receipt{Leaf: r.proof.Leaf, Roots: r.proof.Roots}
	if err := receipt.Verify(r.client.group, r.client.scheme); err != nil {
		return consensus.Receipt{}, err
	}
	return receipt, nil
}

// MarshalReceipt returns the encoding of a receipt for files and third parties.
func MarshalReceipt(r consensus.Receipt) []byte { return wire.MarshalReceipt(r) }

// VerifyReceipt reads a receipt and checks it offline, against nothing but the
// group. An error means that it proves nothing.
func VerifyReceipt(g *consensus.Group, encoding []byte) (consensus.Receipt, error) {
	r, err := wire.ReadReceipt(encoding)
	if err != nil {
		return consensus.Receipt{}, errors.New("client: these bytes are not a receipt")
	}
	return r, r.Verify(g, crypto.Ed25519)
}
