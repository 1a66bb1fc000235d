package crypto

import (
	"fmt"
	"testing"
)

// R19: one broken signature, nested ones included, refuses the whole item and
// no other one.
func TestVerifyAll(t *testing.T) {
	checks := signedChecks(Ed25519, 7, 3)
	sizes := []int{1, 3, 0, 2, 1}
	for broken := range len(checks) + 1 {
		var items []Unverified[int]
		all, next, want := checks, 0, ""
		if broken < len(checks) {
			all = append([]Check(nil), checks...)
			all[broken].Signature[broken]++
		}
		for i, size := range sizes {
			items = append(items, Unverified[int]{Value: 10 + i, Checks: all[next : next+size]})
			if broken >= next && broken < next+size {
				want += fmt.Sprintf("reject %d;", i)
			} else {
				want += fmt.Sprintf("accept %d %d;", i, 10+i)
			}
			next += size
		}
		got := ""
		VerifyAll(Ed25519, items,
			func(i int, v Verified[int]) { got += fmt.Sprintf("accept %d %d;", i, v.Value()) },
			func(i int) { got += fmt.Sprintf("reject %d;", i) })
		if got != want {
			t.Errorf("broken %d: %s want %s", broken, got, want)
		}
	}
}
