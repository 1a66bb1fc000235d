package consensus

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/crypto"
)

// A Leaf is what a replica states about one executed request (R28, R29).
type Leaf struct {
	Client    ClientID
	Session   SessionNumber
	Timestamp Timestamp
	Request   crypto.Digest
	Sequence  Sequence // of first execution
	Results   crypto.Digest
}

// Hash returns the leaf of the Merkle tree under a receipt root.
func (l Leaf) Hash() crypto.Digest {
	var b cryptobyte.Builder
	l.Marshal(&b)
	return crypto.Hash(crypto.KindLeaf, b.BytesOrPanic())
}

// Marshal appends the fixed encoding of the leaf.
func (l Leaf) Marshal(b *cryptobyte.Builder) {
	b.AddBytes(l.Client[:])
	b.AddUint64(uint64(l.Session))
	b.AddUint64(uint64(l.Timestamp))
	b.AddBytes(l.Request[:])
	b.AddUint64(uint64(l.Sequence))
	b.AddBytes(l.Results[:])
}

// ReadLeaf reads what Marshal wrote.
func ReadLeaf(s *cryptobyte.String) (l Leaf, ok bool) {
	ok = s.CopyBytes(l.Client[:]) && s.ReadUint64((*uint64)(&l.Session)) && s.ReadUint64((*uint64)(&l.Timestamp)) &&
		s.CopyBytes(l.Request[:]) && s.ReadUint64((*uint64)(&l.Sequence)) && s.CopyBytes(l.Results[:])
	return l, ok
}

// A SignedRoot is one replica's signature over a Merkle root of receipts, with
// the path from one leaf to it.
type SignedRoot struct {
	Replica   ReplicaID
	Root      crypto.Digest
	Signature crypto.Signature
	Path      crypto.Path
}

// Check returns the signature check of the root (R8).
func (r SignedRoot) Check(g *Group) (crypto.Check, bool) {
	m, ok := g.Member(r.Replica)
	return crypto.Check{Key: m.Key, Statement: ReceiptStatement(g, r.Root), Signature: r.Signature}, ok
}

// ReceiptStatement is what a replica signs once per executed batch.
func ReceiptStatement(g *Group, root crypto.Digest) crypto.Statement {
	return g.Domain().Statement(byte(TypeReceiptRoot), root[:])
}

// A Receipt proves to anyone who knows the group that a request was executed
// with certain results: f+1 replicas signed roots that lead to one leaf (R28).
type Receipt struct {
	Leaf  Leaf
	Roots []SignedRoot
}

// Errors of Receipt.Verify.
var (
	ErrReceiptWeak   = errors.New("receipt: fewer than f+1 distinct replicas")
	ErrReceiptForged = errors.New("receipt: a path or signature does not hold")
)

// Verify checks the receipt offline. Every root it carries has to hold.
func (r Receipt) Verify(g *Group, scheme crypto.Scheme) error {
	seen := make([]bool, g.N)
	distinct := 0
	var checks []crypto.Check
	leaf := r.Leaf.Hash()
	for _, root := range r.Roots {
		c, ok := root.Check(g)
		if !ok || !crypto.VerifyPath(root.Root, leaf, root.Path) {
			return fmt.Errorf("%w (replica %d)", ErrReceiptForged, root.Replica)
		}
		if !seen[root.Replica] {
			seen[root.Replica] = true
			distinct++
		}
		checks = append(checks, c)
	}
	if distinct < g.Weak {
		return ErrReceiptWeak
	}
	valid := make([]bool, len(checks))
	scheme.Verify(checks, valid)
	for i, ok := range valid {
		if !ok {
			return fmt.Errorf("%w (replica %d)", ErrReceiptForged, r.Roots[i].Replica)
		}
	}
	return nil
}
