package adversary

import (
	"math"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
)

// A clerk lies to clients: it alters each reply. Nil says nothing at all.
type clerk struct {
	stage
	alter func(c *clerk, client int, m wire.Reply) []byte
}

func lieToClients(alter func(*clerk, int, wire.Reply) []byte) func(stage) lie {
	return func(s stage) lie { return &clerk{s, alter} }
}

// Answer implements sim.Behaviour.
func (c *clerk) Answer(client int, frame []byte) [][]byte {
	if kind(frame) != wire.TypeReply {
		return [][]byte{frame}
	}
	m, err := wire.ReadReply(frame)
	if err != nil {
		return [][]byte{frame}
	}
	if other := c.alter(c, client, m); other != nil {
		return c.instead(other)
	}
	return c.instead()
}

// signed makes a reply of one leaf of the liar's own making that is well signed.
func (c *clerk) signed(leaf consensus.Leaf, results []byte) []byte {
	tree := crypto.NewMerkleTree([]crypto.Digest{leaf.Hash()})
	root := tree.Root()
	return wire.Reply{
		Root: root, Signature: c.Signer().Sign(consensus.ReceiptStatement(c.Group(), root)),
		Entries: []wire.ReplyEntry{{Leaf: leaf, Path: tree.Path(0), Results: results}},
	}.Marshal()
}

// alteredResult gives another result under a signature that holds (R28).
func alteredResult(c *clerk, _ int, m wire.Reply) []byte {
	e := m.Entries[0]
	results := consensus.MarshalResults([]consensus.Result{{Class: consensus.ResultOK, Value: []byte("a lie")}})
	e.Leaf.Results = consensus.ResultsDigest(results)
	return c.signed(e.Leaf, results)
}

// hugeNumbers names sequences and timestamps at the end of their range (R28).
func hugeNumbers(c *clerk, _ int, m wire.Reply) []byte {
	e := m.Entries[0]
	e.Leaf.Sequence = math.MaxUint64
	if c.random(2) == 0 {
		e.Leaf.Timestamp, e.Leaf.Session = math.MaxUint64, math.MaxUint64
	}
	return c.signed(e.Leaf, e.Results)
}

// wrongLeaf answers for a request with the leaf of another digest (R29).
func wrongLeaf(c *clerk, _ int, m wire.Reply) []byte {
	e := m.Entries[0]
	e.Leaf.Request = crypto.Hash(crypto.KindRequest, e.Leaf.Request[:])
	return c.signed(e.Leaf, e.Results)
}

// wrongPath gives the right leaf with a path to another place of the tree (R14).
func wrongPath(_ *clerk, _ int, m wire.Reply) []byte {
	m.Entries[0].Path.Index++
	return m.Marshal()
}

// wrongSignature gives the right answer under a signature that does not hold: it
// is of no use in a receipt (R28, R29).
func wrongSignature(_ *clerk, _ int, m wire.Reply) []byte {
	m.Signature[0]++
	return m.Marshal()
}

// refuses says that it did not take what it executed, for every reason there is
// (R28).
func refuses(c *clerk, _ int, m wire.Reply) []byte {
	reason := wire.RefusedOverloaded + wire.RefusalReason(c.random(int(wire.RefusedStopping)))
	return wire.Refusal{Request: m.Entries[0].Leaf.Request, Reason: reason}.Marshal()
}

// hushed answers no client (R28).
func hushed(*clerk, int, wire.Reply) []byte { return nil }
