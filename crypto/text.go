package crypto

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// keyPrefix tells a public key from a digest where a person reads or types it.
const keyPrefix = "ed25519:"

// ErrSeedText is what any attempt to encode a Seed as text fails with (R90).
var ErrSeedText = errors.New("crypto: a seed is never written as text; use package keyfile to store it")

// String returns 64 lower-case hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Short returns the first 8 hexadecimal digits, for logs only: it is too short
// to tell digests apart that somebody has chosen.
func (d Digest) Short() string { return hex.EncodeToString(d[:4]) }

// MarshalText implements encoding.TextMarshaler with the form of String.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText accepts the form of String and no other.
func (d *Digest) UnmarshalText(text []byte) error {
	if err := decodeHex(d[:], text); err != nil {
		return fmt.Errorf("crypto: digest: %w", err)
	}
	return nil
}

// String returns "ed25519:" and 64 lower-case hexadecimal digits.
func (k PublicKey) String() string { return keyPrefix + hex.EncodeToString(k[:]) }

// Short returns the first 8 hexadecimal digits, for logs only.
func (k PublicKey) Short() string { return hex.EncodeToString(k[:4]) }

// MarshalText implements encoding.TextMarshaler with the form of String.
func (k PublicKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText accepts the form of String and no other. It does not say that
// the key may be enrolled: that is for the Scheme's CheckKey (R12).
func (k *PublicKey) UnmarshalText(text []byte) error {
	digits, ok := strings.CutPrefix(string(text), keyPrefix)
	if !ok {
		return fmt.Errorf("crypto: public key: want %q and %d hexadecimal digits", keyPrefix, 2*KeySize)
	}
	if err := decodeHex(k[:], []byte(digits)); err != nil {
		return fmt.Errorf("crypto: public key: after %q: %w", keyPrefix, err)
	}
	return nil
}

// String returns 128 lower-case hexadecimal digits.
func (s Signature) String() string { return hex.EncodeToString(s[:]) }

// String returns 64 lower-case hexadecimal digits.
func (s Statement) String() string { return hex.EncodeToString(s[:]) }

// decodeHex fills dst, unless text is not exactly its lower-case form: one value
// has one text, so that texts can be compared.
func decodeHex(dst, text []byte) error {
	if len(text) != 2*len(dst) {
		return fmt.Errorf("want %d hexadecimal digits, have %d bytes", 2*len(dst), len(text))
	}
	for _, c := range text {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return errors.New("want only the digits 0 to 9 and a to f")
		}
	}
	_, err := hex.Decode(dst, text)
	return err
}

const seedText = "seed (secret)"

// String hides the seed (R90).
func (Seed) String() string { return seedText }

// GoString hides the seed (R90).
func (Seed) GoString() string { return seedText }

// Format hides the seed from every verb (R90).
func (Seed) Format(f fmt.State, _ rune) { fmt.Fprint(f, seedText) }

// LogValue hides the seed (R90).
func (Seed) LogValue() slog.Value { return slog.StringValue(seedText) }

// MarshalText always fails: a seed in a configuration or a log is a leak, and
// a placeholder in its stead would lose the key (R90).
func (Seed) MarshalText() ([]byte, error) { return nil, ErrSeedText }

// MarshalBinary always fails, as MarshalText does (R90).
func (Seed) MarshalBinary() ([]byte, error) { return nil, ErrSeedText }
