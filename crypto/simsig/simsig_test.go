package simsig

import (
	"errors"
	"sync"
	"testing"

	"github.com/varangian-bft/varangian/crypto"
)

func verify(s crypto.Scheme, c crypto.Check) bool {
	valid := []bool{true}
	s.Verify([]crypto.Check{c}, valid)
	return valid[0]
}

// R8, R12: every part of a check counts.
func TestVerify(t *testing.T) {
	s := New()
	a, b := s.NewSigner(crypto.Seed{1}), s.NewSigner(crypto.Seed{2})
	statement := crypto.Statement{3}
	good := crypto.Check{Key: a.Public(), Statement: statement, Signature: a.Sign(statement)}
	if !verify(s, good) {
		t.Error("a signature is invalid")
	}
	for i := range crypto.SignatureSize {
		c := good
		c.Signature[i]++
		if verify(s, c) {
			t.Errorf("byte %d of the signature does not count", i)
		}
	}
	for i := range crypto.DigestSize {
		c := good
		c.Statement[i]++
		if verify(s, c) {
			t.Errorf("byte %d of the statement does not count", i)
		}
	}
	c := good
	c.Key = b.Public()
	if verify(s, c) || verify(s, crypto.Check{}) {
		t.Error("another key is accepted")
	}
	if verify(New(), good) {
		t.Error("a scheme accepts a key that it does not know")
	}
}

// The answer for one check does not depend on the others.
func TestVerifyMany(t *testing.T) {
	s := New()
	a := s.NewSigner(crypto.Seed{1})
	checks := make([]crypto.Check, 10)
	for i := range checks {
		st := crypto.Statement{byte(i)}
		checks[i] = crypto.Check{Key: a.Public(), Statement: st, Signature: a.Sign(st)}
	}
	checks[4].Key[0]++
	valid := make([]bool, len(checks))
	s.Verify(checks, valid)
	for i := range valid {
		if valid[i] != (i != 4) {
			t.Errorf("%d: %v", i, valid[i])
		}
	}
}

// R80: the same in every run and every scheme.
func TestDeterministic(t *testing.T) {
	a, b := New().NewSigner(crypto.Seed{1}), New().NewSigner(crypto.Seed{1})
	if a.Public() != b.Public() || a.Sign(crypto.Statement{2}) != b.Sign(crypto.Statement{2}) {
		t.Error("one seed has two signers")
	}
	if got, want := a.Public().Short(), "fe520051"; got != want {
		t.Errorf("the key of seed 1 is %s, and was %s", got, want)
	}
}

func TestCheckKey(t *testing.T) {
	s := New()
	key := s.NewSigner(crypto.Seed{1}).Public()
	if err := s.CheckKey(key); err != nil {
		t.Error(err)
	}
	key[0]++
	if err := s.CheckKey(key); !errors.Is(err, ErrKeyUnknown) {
		t.Errorf("unknown key: %v", err)
	}
}

// For the race detector.
func TestConcurrently(t *testing.T) {
	s := New()
	var g sync.WaitGroup
	for i := range 4 {
		g.Go(func() {
			k := s.NewSigner(crypto.Seed{byte(i)})
			if !verify(s, crypto.Check{Key: k.Public(), Signature: k.Sign(crypto.Statement{})}) {
				t.Error("invalid")
			}
		})
	}
	g.Wait()
}

func BenchmarkVerify(b *testing.B) {
	b.ReportAllocs()
	s := New()
	k := s.NewSigner(crypto.Seed{1})
	checks, valid := []crypto.Check{{Key: k.Public(), Signature: k.Sign(crypto.Statement{})}}, []bool{false}
	for b.Loop() {
		s.Verify(checks, valid)
	}
}
