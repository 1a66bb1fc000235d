package crypto

import (
	"testing"

	"pgregory.net/rapid"
)

// counting counts the checks that reach the scheme behind a cache.
type counting struct {
	Scheme
	count int
}

func (c *counting) Verify(checks []Check, valid []bool) {
	c.count += len(checks)
	c.Scheme.Verify(checks, valid)
}

func (c *counting) want(t *testing.T, what string, count int) {
	t.Helper()
	if c.count != count {
		t.Errorf("%s: %d checks were verified, want %d", what, c.count, count)
	}
	c.count = 0
}

// R18: a hit needs the same key, statement and signature.
func TestCacheKey(t *testing.T) {
	behind := &counting{Scheme: Ed25519}
	scheme := NewCache(behind, 1024)
	checks := signedChecks(Ed25519, 10, 3)
	valid := make([]bool, 10)
	scheme.Verify(checks, valid)
	behind.want(t, "first", 10)
	scheme.Verify(checks, valid)
	behind.want(t, "again", 0)
	for i, ok := range valid {
		if !ok {
			t.Errorf("%d is invalid", i)
		}
	}
	for i := range checks {
		switch i % 3 {
		case 0:
			checks[i].Signature[i]++
		case 1:
			checks[i].Statement[i]++
		case 2:
			checks[i].Key = checks[i-1].Key
		}
	}
	scheme.Verify(checks, valid)
	behind.want(t, "same body, other signature", 10)
	for i, ok := range valid {
		if ok {
			t.Errorf("forged %d is valid", i)
		}
	}
	scheme.Verify(checks, valid)
	behind.want(t, "negatives are not kept", 10)
}

// R18: whatever fills the cache, it holds no more than it may, and the newest.
func TestCacheBound(t *testing.T) {
	for _, entriesMax := range []int{-1, 0, cacheShards - 1, cacheShards, 100, 1000} {
		scheme := NewCache(Ed25519, entriesMax).(*cache)
		checks := signedChecks(Ed25519, 300, 4)
		scheme.Verify(checks, make([]bool, len(checks)))
		held := 0
		for i := range scheme.shards {
			s := &scheme.shards[i]
			held += len(s.slots)
			if len(s.slots) > len(s.ring) {
				t.Errorf("bound %d: a shard holds %d of %d", entriesMax, len(s.slots), len(s.ring))
			}
		}
		if held > max(0, entriesMax) || entriesMax == 1000 && held != 300 || entriesMax == 100 && held < 80 {
			t.Errorf("bound %d: %d entries", entriesMax, held)
		}
	}
	behind := &counting{Scheme: Ed25519}
	scheme := NewCache(behind, cacheShards)
	for _, c := range signedChecks(Ed25519, 100, 4) {
		one, valid := []Check{c}, make([]bool, 1)
		scheme.Verify(one, valid)
		behind.want(t, "new", 1)
		scheme.Verify(one, valid)
		behind.want(t, "newest", 0)
	}
}

// Equal checks in one call are verified once, and each gets the answer (R19).
func TestCacheRepeats(t *testing.T) {
	behind := &counting{Scheme: Ed25519}
	scheme := NewCache(behind, 1024)
	one := signedChecks(Ed25519, 2, 2)
	bad := one[0]
	bad.Signature[5]++
	checks := []Check{one[0], bad, one[0], one[1], bad, one[0]}
	valid := make([]bool, len(checks))
	scheme.Verify(checks, valid)
	behind.want(t, "repeats", 3)
	for i, ok := range valid {
		if ok != (checks[i] != bad) {
			t.Errorf("%d: %v", i, ok)
		}
	}
}

// Hashes of a shard may collide: only an equal check is a hit (R18).
func TestCacheCollision(t *testing.T) {
	s := &cacheShard{slots: map[uint64]int{}, ring: make([]Check, 2), hashes: make([]uint64, 2)}
	a, b := &Check{Key: PublicKey{1}}, &Check{Key: PublicKey{2}}
	s.add(7, a)
	if s.holds(7, b) {
		t.Error("another check of the same hash is a hit")
	}
	s.add(7, b)
	if s.holds(7, a) || !s.holds(7, b) {
		t.Error("the newer one of a hash is not the one that is found")
	}
	s.add(8, a) // takes the place of the older one of hash 7
	if !s.holds(7, b) || !s.holds(8, a) {
		t.Error("making room took the wrong entry")
	}
	s.add(9, a)
	if s.holds(7, b) || len(s.slots) != 2 {
		t.Errorf("the oldest is still there: %v", s.slots)
	}
}

// R18: a cache of any size answers as the scheme behind it does.
func TestCacheIsTransparent(t *testing.T) {
	pool := signedChecks(Ed25519, 40, 4)
	for i := range pool {
		if i%4 == 0 {
			pool[i].Signature[i]++
		}
	}
	want := make([]bool, len(pool))
	Ed25519.Verify(pool, want)
	rapid.Check(t, func(t *rapid.T) {
		scheme := NewCache(Ed25519, rapid.IntRange(0, 64).Draw(t, "entries"))
		for range rapid.IntRange(1, 3).Draw(t, "calls") {
			places := rapid.SliceOfN(rapid.IntRange(0, len(pool)-1), 0, 12).Draw(t, "places")
			var checks []Check
			for _, p := range places {
				checks = append(checks, pool[p])
			}
			valid := make([]bool, len(checks))
			scheme.Verify(checks, valid)
			for i, p := range places {
				if valid[i] != want[p] {
					t.Errorf("%d: %v", p, valid[i])
				}
			}
		}
	})
}
