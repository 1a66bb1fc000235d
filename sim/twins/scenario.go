package twins

import (
	"fmt"
	"strings"
)

const (
	replicas = 4
	hosts    = replicas + 1 // the last one is the twin
	views    = 4

	// partitions counts the ways to divide five hosts into two sets, or not at all:
	// the first host's side is given.
	partitions = 1 << (hosts - 1)
)

// Total is how many scenarios there are: 4 replicas that can have a twin, times 16
// partitions in each of 4 views.
const Total = replicas * partitions * partitions * partitions * partitions

// A Scenario is one choice of twin and partitions.
type Scenario struct {
	Twin   int          // the replica that runs twice
	Halves [views]uint8 // by view: a bit for each host, the twin last; equal bits hear each other
}

// Nth returns a scenario by its number, 0 to Total-1.
func Nth(i int) (s Scenario) {
	s.Twin, i = i%replicas, i/replicas
	for v := range s.Halves {
		s.Halves[v], i = uint8(i%partitions)<<1, i/partitions
	}
	return s
}

// apart reports whether two hosts do not hear each other in a view.
func (s *Scenario) apart(v, a, b int) bool {
	return s.Halves[v]>>a&1 != s.Halves[v]>>b&1
}

// String writes a scenario as the sets of each view, for instance "twin of r1: r0
// r1 | r2 r3 r1' ; ...".
func (s Scenario) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "twin of r%d:", s.Twin)
	for v := range s.Halves {
		if v > 0 {
			b.WriteString(" ;")
		}
		for side := range uint8(2) {
			if side == 1 {
				b.WriteString(" |")
			}
			for h := range hosts {
				if s.Halves[v]>>h&1 == side {
					b.WriteString(" " + s.name(h))
				}
			}
		}
	}
	return b.String()
}

func (s *Scenario) name(host int) string {
	if host == replicas {
		return fmt.Sprintf("r%d'", s.Twin)
	}
	return fmt.Sprintf("r%d", host)
}
