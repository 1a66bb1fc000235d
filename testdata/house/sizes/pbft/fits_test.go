package pbft_test

import "testing"

func TestLong(t *testing.T) {
	n := 0
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	t.Log(n)
}

// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
// Testing.
