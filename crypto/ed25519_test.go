package crypto

import (
	"crypto/sha512"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
	"pgregory.net/rapid"
)

// R80
func TestSigningIsPure(t *testing.T) {
	a, b := Ed25519.NewSigner(Seed{1}), Ed25519.NewSigner(Seed{1})
	if a.Sign(Statement{2}) != b.Sign(Statement{2}) || a.Sign(Statement{2}) != a.Sign(Statement{2}) {
		t.Error("one statement has two signatures")
	}
	if a.Sign(Statement{2}) == a.Sign(Statement{3}) {
		t.Error("two statements have one signature")
	}
}

// R90
func TestSignerHidesItsSeed(t *testing.T) {
	seed := Seed([]byte("0123456789abcdefghijklmnopqrstuv"))
	s := Ed25519.NewSigner(seed)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if out := fmt.Sprintf(verb, s); out != "signer of "+s.Public().String() {
			t.Errorf("%s prints %q", verb, out)
		}
	}
}

func TestVerifyChecksLengths(t *testing.T) {
	for _, scheme := range []Scheme{Ed25519, NewCache(Ed25519, 16)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%T: no panic", scheme)
				}
			}()
			scheme.Verify(make([]Check, 2), make([]bool, 1))
		}()
	}
}

// R12: batch(x) == all single(x), wherever the invalid ones stand.
func TestBatchEqualsSingle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(0, 2*batchCountMax+3).Draw(t, "count")
		checks := signedChecks(Ed25519, count, rapid.IntRange(1, 6).Draw(t, "keys"))
		want := make([]bool, count)
		for i := range want {
			want[i] = true
		}
		for range rapid.IntRange(0, 5).Draw(t, "invalid") {
			if count == 0 {
				break
			}
			i := rapid.IntRange(0, count-1).Draw(t, "place")
			corrupt := rapid.SampledFrom([]func(){
				func() { checks[i].Signature[rapid.IntRange(0, 63).Draw(t, "byte")]++ },
				func() { checks[i].Statement[rapid.IntRange(0, 31).Draw(t, "byte")]++ },
				func() { checks[i].Key = PublicKey{2} }, // not a point
			}).Draw(t, "how")
			corrupt()
			want[i] = validAlone(checks[i])
		}
		valid := make([]bool, count)
		Ed25519.Verify(checks, valid)
		for i := range valid {
			if valid[i] != want[i] {
				t.Errorf("%d of %d: %v, alone %v", i, count, valid[i], want[i])
			}
		}
	})
}

// validAlone checks one signature alone.
func validAlone(c Check) bool {
	valid := []bool{false}
	Ed25519.Verify([]Check{c}, valid)
	return valid[0]
}

// A batch that is used again forgets what it held: else it would fall back to
// single checks for good, at three times the price.
func TestBatchIsReusable(t *testing.T) {
	b := batchPool.New().(*batch)
	for _, checks := range [][]Check{signedChecks(Ed25519, 20, 7), signedChecks(Ed25519, 9, 2)} {
		for _, c := range checks {
			if !b.add(newExpandedKey(c.Key), c.Statement[:], &c.Signature) {
				t.Fatal("a signature cannot be decoded")
			}
		}
		if !b.holds() || !b.holds() {
			t.Errorf("%d valid signatures do not hold together", len(checks))
		}
		b.verify(make([]bool, 0))
	}
}

// Two invalid equations whose errors cancel out make a batch without random
// factors accept both (R12).
func TestErrorsDoNotCancel(t *testing.T) {
	checks := signedChecks(Ed25519, 4, 4)
	one := scalar.One()
	for i, change := range []func(s *scalar.Scalar){
		func(s *scalar.Scalar) { s.Add(s, one) },
		func(s *scalar.Scalar) { s.Sub(s, one) },
	} {
		var s scalar.Scalar
		if _, err := s.SetBytesModOrder(checks[i].Signature[32:]); err != nil {
			t.Fatal(err)
		}
		change(&s)
		if err := s.ToBytes(checks[i].Signature[32:]); err != nil {
			t.Fatal(err)
		}
	}
	valid := make([]bool, 4)
	Ed25519.Verify(checks, valid)
	if fmt.Sprint(valid) != "[false false true true]" {
		t.Errorf("valid: %v", valid)
	}
}

// torsionCheck crafts a signature with i times a point of order 8 in the key and
// j times in R; the cofactored equation holds, the other one only at times.
func torsionCheck(t testing.TB, i, j int, statement Statement) Check {
	t.Helper()
	var secret, nonce, k, s scalar.Scalar
	secret.SetUint64(123456789)
	nonce.SetUint64(987654321)
	encode := func(p *curve.EdwardsPoint, torsion int) [32]byte {
		var c curve.CompressedEdwardsY
		return *c.SetEdwardsPoint(p.Add(p, curve.EIGHT_TORSION[torsion]))
	}
	var a, r curve.EdwardsPoint
	key := encode(a.MulBasepoint(curve.ED25519_BASEPOINT_TABLE, &secret), i)
	rBytes := encode(r.MulBasepoint(curve.ED25519_BASEPOINT_TABLE, &nonce), j)
	h := sha512.New()
	h.Write(rBytes[:])
	h.Write(key[:])
	h.Write(statement[:])
	if _, err := k.SetBytesModOrderWide(h.Sum(nil)); err != nil {
		t.Fatal(err)
	}
	s.Add(&nonce, s.Mul(&k, &secret))
	c := Check{Key: key, Statement: statement}
	copy(c.Signature[:], rBytes[:])
	if err := s.ToBytes(c.Signature[32:]); err != nil {
		t.Fatal(err)
	}
	return c
}

// R12: crafted signatures, on which single and batch verifiers disagree elsewhere.
func TestTorsion(t *testing.T) {
	for i := range 8 {
		for j := range 8 {
			c := torsionCheck(t, i, j, Statement{byte(i), byte(j)})
			if !everyPath(t, c.Key, c.Statement[:], c.Signature) {
				t.Errorf("%d, %d: invalid", i, j)
			}
			if err := Ed25519.CheckKey(c.Key); err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
	}
}

// Many crafted signatures in one batch: their components of small order must not
// add up to an answer that depends on the company.
func TestTorsionTogether(t *testing.T) {
	var checks []Check
	for i := range 2 * batchCountMax {
		checks = append(checks, torsionCheck(t, i%8, i/8%8, Statement{byte(i)}))
	}
	valid := make([]bool, len(checks))
	for range 10 {
		Ed25519.Verify(checks, valid)
		for i := range valid {
			if !valid[i] {
				t.Fatalf("%d is invalid", i)
			}
		}
	}
}

// More keys than the cache of expanded keys holds.
func TestManyKeys(t *testing.T) {
	e := new(ed25519)
	statement := Statement{1}
	seed := Seed{}
	for i := range keySets * keyWays * 5 / 4 {
		seed[0], seed[1] = byte(i), byte(i>>8)
		e.keys.expand(e.NewSigner(seed).Public())
	}
	for i := range 64 {
		seed[0], seed[1] = byte(i), 0
		s := e.NewSigner(seed)
		if k := e.keys.expand(s.Public()); k.key != s.Public() {
			t.Fatalf("key %v was expanded as %v", s.Public(), k.key)
		}
		valid := []bool{false}
		e.Verify([]Check{{s.Public(), statement, s.Sign(statement)}}, valid)
		if !valid[0] {
			t.Fatalf("%d is invalid", i)
		}
	}
}

// For the race detector.
func TestVerifyConcurrently(t *testing.T) {
	checks := signedChecks(Ed25519, 40, 10)
	checks[7].Signature[0]++
	scheme := NewCache(new(ed25519), 32)
	var g sync.WaitGroup
	for range 4 {
		g.Go(func() {
			valid := make([]bool, len(checks))
			for range 5 {
				scheme.Verify(checks, valid)
				for i := range valid {
					if valid[i] != (i != 7) {
						t.Errorf("%d: %v", i, valid[i])
					}
				}
			}
		})
	}
	g.Wait()
}

// R12: whatever the bytes, all paths agree with another implementation.
func FuzzVerify(f *testing.F) {
	good := signedChecks(Ed25519, 1, 1)[0]
	f.Add(good.Key[:], good.Statement[:], good.Signature[:])
	for i := range 8 {
		c := torsionCheck(f, i, 7-i, Statement{})
		f.Add(c.Key[:], c.Statement[:], c.Signature[:])
	}
	f.Add(make([]byte, 32), []byte("Zcash"), make([]byte, 64))
	f.Fuzz(func(t *testing.T, key, message, sig []byte) {
		var k PublicKey
		var s Signature
		copy(k[:], key)
		copy(s[:], sig)
		everyPath(t, k, message, s)
		if err := Ed25519.CheckKey(k); err != nil && !strings.HasPrefix(err.Error(), "crypto: ") {
			t.Error(err)
		}
	})
}

// Random signatures of small order and random bytes near the limits of S and y.
func TestEdgeBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edge := rapid.Custom(func(t *rapid.T) [32]byte {
			b := curve.CompressedEdwardsY{}
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				b.SetEdwardsPoint(curve.EIGHT_TORSION[rapid.IntRange(0, 7).Draw(t, "torsion")])
			case 1: // y from p to p+18
				for i := range b {
					b[i] = 0xff
				}
				b[0] = byte(rapid.IntRange(0xed, 0xff).Draw(t, "y"))
				b[31] = 0x7f
			case 2: // small y
				b[0] = byte(rapid.IntRange(0, 20).Draw(t, "y"))
			case 3:
				copy(b[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "bytes"))
			}
			b[31] ^= byte(rapid.IntRange(0, 1).Draw(t, "sign")) << 7
			return b
		})
		key, r := edge.Draw(t, "key"), edge.Draw(t, "r")
		var sig Signature
		copy(sig[:], r[:])
		sig[32] = byte(rapid.IntRange(0, 1).Draw(t, "s"))
		everyPath(t, key, []byte("message"), sig)
	})
}
