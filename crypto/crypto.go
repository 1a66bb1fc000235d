package crypto

// Sizes of the fixed-length values, in bytes.
const (
	DigestSize    = 32
	KeySize       = 32
	SeedSize      = 32
	SignatureSize = 64
)

// A Digest is a SHA-256 hash made under a Kind by Hash, so that values of two
// kinds never share a pre-image (R13). The zero Digest is the hash of nothing.
type Digest [DigestSize]byte

// A PublicKey is an Ed25519 public key in its canonical encoding, or the key of
// another Scheme of the same size. It is an identity only after the Scheme's
// CheckKey accepted it (R12).
type PublicKey [KeySize]byte

// A Seed is the secret from which a Signer is made. It is never logged.
type Seed [SeedSize]byte

// A Signature is an Ed25519 signature, R followed by S.
type Signature [SignatureSize]byte

// A Statement is what a signature covers: the SHA-256 hash of protocol name and
// version, group, epoch, message type and the exact bytes of the message (R8,
// R9). Only Domain.Statement makes one.
type Statement Digest

// A Domain is the part of every statement that all messages of one membership
// share: replaying a message to another group or epoch makes it invalid (R8).
type Domain struct {
	Group Digest // hash of the genesis configuration
	Epoch uint64
}

// A Signer signs for one key. Signing is pure: the same statement always gives
// the same bytes (R80), so the deterministic core may sign. Signers are safe for
// concurrent use.
type Signer interface {
	Public() PublicKey
	Sign(Statement) Signature
}

// A Check is one signature that has to be valid before a message may have an
// effect.
type Check struct {
	Key       PublicKey
	Statement Statement
	Signature Signature
}

// A Scheme is a signature algorithm: Ed25519 in production, and a simulated one
// in package simsig. Schemes are safe for concurrent use.
type Scheme interface {
	// NewSigner returns the signer of a seed.
	NewSigner(Seed) Signer
	// CheckKey refuses keys that must not be enrolled: malformed, non-canonical
	// or of small order (R12).
	CheckKey(PublicKey) error
	// Verify sets valid[i] to whether checks[i] holds. Both slices have the same
	// length. The answer for one check never depends on the others (R12).
	Verify(checks []Check, valid []bool)
}
