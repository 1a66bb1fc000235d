package crypto

import (
	"slices"
	"sync"

	"github.com/hdevalence/ed25519consensus"
)

// goodChecks are the valid company of a signature under test.
var goodChecks = sync.OnceValue(func() []Check { return signedChecks(Ed25519, 2*batchCountMax+1, 5) })

// A tester is a testing.TB or a *rapid.T.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
}

// everyPath returns the one answer of all ways to check a signature of any
// message, and of an implementation by others; it fails if there are two (R12).
func everyPath(t tester, key PublicKey, message []byte, sig Signature) bool {
	t.Helper()
	want := ed25519consensus.Verify(key[:], message, sig[:])
	k := newExpandedKey(key)
	var single equation
	if got := single.set(k, message, &sig) && single.holds(); got != want {
		t.Errorf("single: %v, want %v: key %v, message %x, signature %v", got, want, key, message, sig)
	}
	good := goodChecks()[:3]
	for _, copies := range []int{1, 2, 5} {
		b := batchPool.Get().(*batch)
		var valid []bool
		for range copies {
			valid = append(valid, b.add(k, message, &sig))
		}
		for _, c := range good {
			valid = append(valid, b.add(newExpandedKey(c.Key), c.Statement[:], &c.Signature))
		}
		b.verify(valid)
		batchPool.Put(b)
		for i, got := range valid {
			if got != (want || i >= copies) {
				t.Errorf("batch of %d, place %d: %v: key %v, message %x, signature %v", len(valid), i, got, key, message, sig)
			}
		}
	}
	if len(message) == DigestSize {
		checkPaths(t, Check{key, Statement(message), sig}, want)
	}
	return want
}

// checkPaths asks the schemes for a check, alone and among valid and invalid ones.
func checkPaths(t tester, c Check, want bool) {
	t.Helper()
	cached := NewCache(Ed25519, 1024)
	for _, count := range []int{1, 2, batchCountMin, 2*batchCountMax + 1} {
		checks := slices.Clone(goodChecks()[:count])
		place := count / 2
		checks[place] = c
		for range 2 { // the second time from the cache
			for _, scheme := range []Scheme{Ed25519, cached} {
				valid := make([]bool, count)
				scheme.Verify(checks, valid)
				for i, got := range valid {
					if got != (want || i != place) {
						t.Errorf("%T, %d of %d: %v for %v", scheme, i, count, got, checks[i])
					}
				}
			}
		}
	}
}
