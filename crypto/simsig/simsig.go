// Package simsig simulates signatures for simulated groups and for tests.
//
// Inside one process they cannot be forged: a signature is a hash of the
// signer's seed, and Verify computes it again from the seeds it handed signers
// out for. They cost well under a microsecond, and the same seeds give the same
// bytes in every run. They prove nothing to another process, since whoever
// verifies could have signed. Never import this package under cmd or replica.
//
// The caller gives the seed of a correct replica to nobody but that replica:
// a liar that holds only its own signers cannot speak for others.
package simsig

import (
	"crypto/sha256"
	"errors"
	"sync"

	"github.com/varangian-bft/varangian/crypto"
)

// ErrKeyUnknown says that this Scheme made no signer with the key.
var ErrKeyUnknown = errors.New("simsig: no signer of this scheme has the key; call NewSigner with its seed first")

// A Scheme knows every signer that it made, about 100 bytes each, and keeps them
// for good. It is safe for concurrent use.
type Scheme struct {
	mu    sync.RWMutex
	seeds map[crypto.PublicKey]crypto.Seed
}

var _ crypto.Scheme = (*Scheme)(nil)

// New returns a Scheme that knows no key.
func New() *Scheme {
	return &Scheme{seeds: make(map[crypto.PublicKey]crypto.Seed)}
}

// NewSigner returns the signer of a seed, and makes its key known. The same seed
// always has the same key.
func (s *Scheme) NewSigner(seed crypto.Seed) crypto.Signer {
	k := signer{seed: seed}
	k.public = sha256.Sum256(append([]byte("simsig key "), seed[:]...))
	s.mu.Lock()
	s.seeds[k.public] = seed
	s.mu.Unlock()
	return k
}

// CheckKey refuses keys that no signer has.
func (s *Scheme) CheckKey(key crypto.PublicKey) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if _, ok := s.seeds[key]; !ok {
		return ErrKeyUnknown
	}
	return nil
}

// Verify implements crypto.Scheme. Under an unknown key nothing is valid.
func (s *Scheme) Verify(checks []crypto.Check, valid []bool) {
	if len(checks) != len(valid) {
		panic("simsig: Verify needs as many answers as checks")
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i := range checks {
		c := &checks[i]
		seed, ok := s.seeds[c.Key]
		valid[i] = ok && sign(&seed, &c.Statement) == c.Signature
	}
}

type signer struct {
	public crypto.PublicKey
	seed   crypto.Seed
}

func (k signer) Public() crypto.PublicKey { return k.public }

func (k signer) Sign(s crypto.Statement) crypto.Signature { return sign(&k.seed, &s) }

// sign gives each half of a signature the hash, and Verify compares all of it.
func sign(seed *crypto.Seed, s *crypto.Statement) (sig crypto.Signature) {
	var b [crypto.SeedSize + crypto.DigestSize]byte
	copy(b[:], seed[:])
	copy(b[crypto.SeedSize:], s[:])
	sum := sha256.Sum256(b[:])
	copy(sig[:], sum[:])
	copy(sig[len(sum):], sum[:])
	return sig
}
