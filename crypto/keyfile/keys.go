package keyfile

import (
	stded25519 "crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"unicode"
	"unicode/utf8"

	"github.com/varangian-bft/varangian/crypto"
)

// CommentBytesMax bounds the comment of a key file.
const CommentBytesMax = 200

// ErrKeys says that two seeds, or a comment, do not make a key file.
var ErrKeys = errors.New("unusable keys")

// Keys are the secrets of one replica or client. Nothing that formats, logs or
// marshals them shows more than the public keys (R90).
type Keys struct {
	Signing   crypto.Seed
	Transport crypto.Seed
	Comment   string // whose keys these are, one line; not secret
}

// Public are the two public keys that belong to Keys. Both are Ed25519 keys; the
// private key that the transport's libraries expect is
// ed25519.NewKeyFromSeed(keys.Transport[:]) of the standard library.
type Public struct {
	Signing   crypto.PublicKey
	Transport crypto.PublicKey
}

// Generate draws both seeds from rand, which is crypto/rand.Reader but in tests.
func Generate(rand io.Reader) (Keys, error) {
	var k Keys
	for _, seed := range []*crypto.Seed{&k.Signing, &k.Transport} {
		if _, err := io.ReadFull(rand, seed[:]); err != nil {
			return Keys{}, fmt.Errorf("keyfile: reading random bytes: %w", err)
		}
	}
	if err := k.check(); err != nil {
		return Keys{}, fmt.Errorf("keyfile: %w", err)
	}
	return k, nil
}

// Public returns the public keys.
func (k Keys) Public() Public {
	return Public{Signing: publicKey(k.Signing), Transport: publicKey(k.Transport)}
}

func publicKey(seed crypto.Seed) crypto.PublicKey {
	private := stded25519.NewKeyFromSeed(seed[:])
	return crypto.PublicKey(private.Public().(stded25519.PublicKey))
}

func (k Keys) check() error {
	switch {
	case k.Signing == crypto.Seed{} || k.Transport == crypto.Seed{}:
		return fmt.Errorf("%w: a seed is all zero, which everyone can guess; generate new keys", ErrKeys)
	case k.Signing == k.Transport:
		return fmt.Errorf("%w: signing and transport seed are the same; generate new keys", ErrKeys)
	case len(k.Comment) > CommentBytesMax:
		return fmt.Errorf("%w: the comment has %d bytes, at most %d are allowed", ErrKeys, len(k.Comment), CommentBytesMax)
	case !utf8.ValidString(k.Comment):
		return fmt.Errorf("%w: the comment is not UTF-8", ErrKeys)
	}
	for _, r := range k.Comment {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%w: the comment holds %U, which is not printable", ErrKeys, r)
		}
	}
	return nil
}

// String names the public keys only (R90).
func (k Keys) String() string {
	p := k.Public()
	return fmt.Sprintf("keys of %q: signing %v, transport %v", k.Comment, p.Signing, p.Transport)
}

// GoString is String (R90).
func (k Keys) GoString() string { return k.String() }

// Format prints String whatever the verb (R90).
func (k Keys) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue is String (R90).
func (k Keys) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText always fails: only Write stores keys (R90).
func (k Keys) MarshalText() ([]byte, error) { return nil, crypto.ErrSeedText }

// MarshalBinary always fails, as MarshalText does (R90).
func (k Keys) MarshalBinary() ([]byte, error) { return nil, crypto.ErrSeedText }
