package crypto

import (
	"errors"
	"fmt"

	"github.com/oasisprotocol/curve25519-voi/curve"
	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// Ed25519 is the Scheme of production. A signature is valid exactly if ZIP-215
// says so, whether it is checked alone or among others (R12): the cofactored
// equation, any encoding of R and A that decodes to a point, and S below the
// group order. The standard library's Verify accepts another set; nothing that
// replicas have to agree on may use it.
//
// It keeps the expanded form of the last few thousand keys (6 MiB at most).
var Ed25519 Scheme = new(ed25519)

// Why Ed25519.CheckKey refuses a key.
var (
	ErrKeyMalformed    = errors.New("crypto: public key is not a point of the curve; copy it again from the output of its key file")
	ErrKeyNonCanonical = errors.New("crypto: public key is not in its canonical encoding; copy it again from the output of its key file")
	ErrKeySmallOrder   = errors.New("crypto: public key is of small order: anyone could sign for it; generate another one")
)

const (
	// batchCountMin is from where on a batch is cheaper than as many single checks.
	batchCountMin = 3
	// batchCountMax bounds what one invalid signature makes its batch pay: the
	// time of checking each member alone. Larger batches gain little.
	batchCountMax = 64
)

type ed25519 struct{ keys keyCache }

// NewSigner implements Scheme. The signer holds a copy of the seed.
func (*ed25519) NewSigner(s Seed) Signer {
	k := &signer{private: voi.NewKeyFromSeed(s[:])}
	copy(k.public[:], k.private[SeedSize:])
	return k
}

// CheckKey implements Scheme. Keys with a component of small order that are not
// themselves of small order are accepted: under ZIP-215 they are harmless.
func (*ed25519) CheckKey(key PublicKey) error {
	compressed := curve.CompressedEdwardsY(key)
	var p curve.EdwardsPoint
	if _, err := p.SetCompressedY(&compressed); err != nil {
		return ErrKeyMalformed
	}
	if p.IsSmallOrder() {
		return ErrKeySmallOrder
	}
	if !compressed.IsCanonicalVartime() {
		return ErrKeyNonCanonical
	}
	return nil
}

// Verify implements Scheme.
func (e *ed25519) Verify(checks []Check, valid []bool) {
	mustMatch(checks, valid)
	if len(checks) < batchCountMin {
		var eq equation
		for i := range checks {
			c := &checks[i]
			valid[i] = eq.set(e.keys.expand(c.Key), c.Statement[:], &c.Signature) && eq.holds()
		}
		return
	}
	b := batchPool.Get().(*batch)
	defer batchPool.Put(b)
	for batches := (len(checks) + batchCountMax - 1) / batchCountMax; batches > 0; batches-- {
		n := len(checks) / batches // all of about the same size: a batch of one is dear
		for i := range checks[:n] {
			c := &checks[i]
			valid[i] = b.add(e.keys.expand(c.Key), c.Statement[:], &c.Signature)
		}
		b.verify(valid[:n])
		checks, valid = checks[n:], valid[n:]
	}
}

// mustMatch stops a caller that would read or write past the shorter slice.
func mustMatch(checks []Check, valid []bool) {
	if len(checks) != len(valid) {
		panic("crypto: Verify needs as many answers as checks")
	}
}

type signer struct {
	public  PublicKey
	private voi.PrivateKey
}

func (k *signer) Public() PublicKey { return k.public }

func (k *signer) Sign(s Statement) Signature {
	return Signature(voi.Sign(k.private, s[:]))
}

// Format hides the private key from every verb (R90).
func (k *signer) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "signer of %v", k.public)
}
