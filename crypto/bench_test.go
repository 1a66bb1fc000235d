package crypto

import (
	"fmt"
	"testing"
)

// signedChecks returns valid checks, made in turn by the given number of keys.
func signedChecks(scheme Scheme, count, keys int) []Check {
	signers := make([]Signer, keys)
	for i := range signers {
		signers[i] = scheme.NewSigner(Seed{1, byte(i), byte(i >> 8)})
	}
	checks := make([]Check, count)
	for i := range checks {
		s := signers[i%keys]
		statement := Domain{}.Statement(1, fmt.Append(nil, i))
		checks[i] = Check{s.Public(), statement, s.Sign(statement)}
	}
	return checks
}

func BenchmarkSign(b *testing.B) {
	b.ReportAllocs()
	s := Ed25519.NewSigner(Seed{1})
	for b.Loop() {
		s.Sign(Statement{1})
	}
}

// BenchmarkVerify gives the time of a whole call, and of one signature.
func BenchmarkVerify(b *testing.B) {
	for _, count := range []int{1, 2, 3, 4, 8, 16, 64, 256} {
		for _, keys := range []int{4, 1000} {
			checks := signedChecks(Ed25519, count, min(keys, count))
			b.Run(fmt.Sprintf("count=%d/keys=%d", count, min(keys, count)), func(b *testing.B) {
				b.ReportAllocs()
				valid := make([]bool, count)
				for b.Loop() {
					Ed25519.Verify(checks, valid)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/signature")
			})
		}
	}
}

// BenchmarkVerifyPoisoned has one invalid signature in a full batch.
func BenchmarkVerifyPoisoned(b *testing.B) {
	checks := signedChecks(Ed25519, batchCountMax, 4)
	checks[20].Signature[40] ^= 1
	valid := make([]bool, len(checks))
	for b.Loop() {
		Ed25519.Verify(checks, valid)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(checks)), "ns/signature")
}

func BenchmarkCacheHit(b *testing.B) {
	b.ReportAllocs()
	c := NewCache(Ed25519, 1<<12)
	checks := signedChecks(Ed25519, 64, 4)
	valid := make([]bool, len(checks))
	c.Verify(checks, valid)
	for b.Loop() {
		c.Verify(checks, valid)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(checks)), "ns/signature")
}

func BenchmarkHash(b *testing.B) {
	for _, size := range []int{32, 128, 1024, 65536} {
		body := make([]byte, size)
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				Hash(KindRequest, body)
			}
		})
	}
}

func BenchmarkStatement(b *testing.B) {
	body := make([]byte, 128)
	b.ReportAllocs()
	for b.Loop() {
		Domain{}.Statement(1, body)
	}
}

func BenchmarkMerkle(b *testing.B) {
	for _, count := range []int{16, 1000} {
		leaves := make([]Digest, count)
		b.Run(fmt.Sprintf("tree and all paths/leaves=%d", count), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				t := NewMerkleTree(leaves)
				for i := range leaves {
					t.Path(i)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/leaf")
		})
		b.Run(fmt.Sprintf("verify/leaves=%d", count), func(b *testing.B) {
			b.ReportAllocs()
			t := NewMerkleTree(leaves)
			p := t.Path(count / 2)
			for b.Loop() {
				VerifyPath(t.Root(), leaves[count/2], p)
			}
		})
	}
}

func BenchmarkLattice(b *testing.B) {
	var l Lattice
	b.Run("add", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l.Add(Digest{1})
		}
	})
	b.Run("sum", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l.Sum()
		}
	})
}
