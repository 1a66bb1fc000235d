// Package links stands between the replicas of a group on one machine: each
// replica dials every other one through a Link, which can be cut, be made slow,
// and counts what passes.
//
// A link knows bytes, not frames: what it holds up or tears apart, the ends see as
// they would see it of a bad network.
//
// The caller closes each Mesh once the replicas have ended.
package links

import (
	"errors"
	"fmt"
	"time"
)

// A Condition is the state of a link. The zero Condition is a good one.
type Condition struct {
	Stalled        bool          // nothing passes, nothing is told to the ends; what was sent comes later
	Refused        bool          // connections are reset, and new ones too
	Delay          time.Duration // that each piece waits
	BytesPerSecond int           // each way; 0 is no bound
}

// A Mesh is the links among n replicas.
type Mesh struct {
	links [][]*Link // by who dials and who is dialled; nil on the diagonal
}

// NewMesh listens for all pairs of replicas, whose addresses are as net.Dial wants
// them.
func NewMesh(targets []string) (*Mesh, error) {
	m := &Mesh{links: make([][]*Link, len(targets))}
	for from := range targets {
		m.links[from] = make([]*Link, len(targets))
		for to, target := range targets {
			if from == to {
				continue
			}
			l, err := New(target)
			if err != nil {
				return nil, errors.Join(fmt.Errorf("link %d to %d: %w", from, to, err), m.Close())
			}
			m.links[from][to] = l
		}
	}
	return m, nil
}

// Link returns the link that one replica dials another one through.
func (m *Mesh) Link(from, to int) *Link { return m.links[from][to] }

// Between sets the condition of both links between two replicas.
func (m *Mesh) Between(a, b int, c Condition) {
	m.links[a][b].Set(c)
	m.links[b][a].Set(c)
}

// Around sets the condition of all links of a replica.
func (m *Mesh) Around(replica int, c Condition) {
	for other := range m.links {
		if other != replica {
			m.Between(replica, other, c)
		}
	}
}

// Heal makes all links good.
func (m *Mesh) Heal() {
	for replica := range m.links {
		m.Around(replica, Condition{})
	}
}

// Into returns how many bytes all others have sent to a replica so far.
func (m *Mesh) Into(replica int) uint64 {
	var sum uint64
	for other := range m.links {
		if other == replica {
			continue
		}
		forward, _ := m.links[other][replica].Bytes()
		_, back := m.links[replica][other].Bytes()
		sum += forward + back
	}
	return sum
}

// Close ends all connections and listeners.
func (m *Mesh) Close() error {
	var all []error
	for _, row := range m.links {
		for _, l := range row {
			if l != nil {
				all = append(all, l.Close())
			}
		}
	}
	return errors.Join(all...)
}
