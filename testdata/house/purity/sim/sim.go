// Package sim has random sources, but only from a seed.
package sim

import "math/rand/v2"

func draw(seed uint64) int {
	source := rand.New(rand.NewPCG(seed, 0))
	return source.IntN(6) + rand.IntN(6) // want: rand.IntN draws
}
