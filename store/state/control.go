package state

import (
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/statemachine"
)

// suspectsCountMax bounds the versions that interrupted installations may have
// touched. Only an installation that never ends adds to them.
const suspectsCountMax = 1024

// gapsCountMax bounds the gaps kept. Each stems from a crash; those below what is
// retired go, and at the bound the oldest one is retired.
const gapsCountMax = 64

// A gap lies between two markers that followed each other. What stands in it was
// left by a write that did not end, and belongs to no state.
type gap struct{ from, to statemachine.Version }

// control is the entry that says what of the database is valid. A new one
// replaces the old in one transaction of its own (R84). It is immutable.
type control struct {
	marker  statemachine.Marker
	sets    uint64               // values, not tombstones, written at the marker's version
	retired statemachine.Version // states below are gone
	floor   statemachine.Version // windows from below are no window's write set (R124)

	// suspects are versions above the marker at which something else may stand
	// than execution from the marker would write: ascending.
	suspects []statemachine.Version

	gaps []gap // ascending

	stamp uint64 // Badger's timestamp of the entry
}

func (c *control) marshal() []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, 72+8*len(c.suspects)+16*len(c.gaps)))
	b.AddUint64(uint64(c.marker.Version))
	b.AddBytes(c.marker.Chain[:])
	b.AddUint64(c.sets)
	b.AddUint64(uint64(c.retired))
	b.AddUint64(uint64(c.floor))
	b.AddUint32(uint32(len(c.suspects)))
	for _, v := range c.suspects {
		b.AddUint64(uint64(v))
	}
	b.AddUint32(uint32(len(c.gaps)))
	for _, g := range c.gaps {
		b.AddUint64(uint64(g.from))
		b.AddUint64(uint64(g.to))
	}
	return b.BytesOrPanic()
}

func readControl(raw []byte) (*control, error) {
	s := cryptobyte.String(raw)
	var c control
	ok := s.ReadUint64((*uint64)(&c.marker.Version)) && s.CopyBytes(c.marker.Chain[:]) && s.ReadUint64(&c.sets) &&
		s.ReadUint64((*uint64)(&c.retired)) && s.ReadUint64((*uint64)(&c.floor)) &&
		c.readSuspects(&s) && c.readGaps(&s) && s.Empty()
	if !ok || c.retired > c.marker.Version || c.floor > c.marker.Version {
		return nil, fmt.Errorf("%w: the control entry of the state is malformed", statemachine.ErrRot)
	}
	return &c, nil
}

func (c *control) readSuspects(s *cryptobyte.String) bool {
	var count uint32
	if !s.ReadUint32(&count) || count > suspectsCountMax {
		return false
	}
	for last := c.marker.Version; count > 0; count-- {
		var v statemachine.Version
		if !s.ReadUint64((*uint64)(&v)) || v <= last {
			return false
		}
		c.suspects, last = append(c.suspects, v), v
	}
	return true
}

func (c *control) readGaps(s *cryptobyte.String) bool {
	var count uint32
	if !s.ReadUint32(&count) || count > gapsCountMax {
		return false
	}
	for last := statemachine.Version(0); count > 0; count-- {
		var g gap
		if !s.ReadUint64((*uint64)(&g.from)) || !s.ReadUint64((*uint64)(&g.to)) ||
			g.from < last || g.to <= g.from || g.to > c.marker.Version {
			return false
		}
		c.gaps, last = append(c.gaps, g), g.to
	}
	return true
}

// resolve returns the version to read at for the state at a version: another one
// only in a gap, where the state is that of the marker before it (R85).
func (c *control) resolve(at statemachine.Version) statemachine.Version {
	for _, g := range c.gaps {
		if at > g.from && at < g.to {
			return g.from
		}
	}
	return at
}

// trimmed returns the gaps that are not retired, with one more, and what is
// retired then.
func trimmed(gaps []gap, one gap, retired statemachine.Version) ([]gap, statemachine.Version) {
	out := slices.DeleteFunc(slices.Clone(gaps), func(g gap) bool { return g.to <= retired })
	if one != (gap{}) {
		out = append(out, one)
	}
	if len(out) > gapsCountMax {
		retired, out = out[0].to, out[1:]
	}
	return out, retired
}

// readable reports whether the state at a version can be read.
func (c *control) readable(at statemachine.Version) error {
	switch {
	case at > c.marker.Version:
		return fmt.Errorf("%w: version %d is above the marker's, %d", statemachine.ErrVersion, at, c.marker.Version)
	case at < c.retired:
		return fmt.Errorf("%w: version %d; the oldest one left is %d", statemachine.ErrRetired, at, c.retired)
	}
	return nil
}

// suspect reports whether something foreign may stand at a version, or at a
// later attempt of its sequence: then the attempts before it are spent too.
func (c *control) suspect(v statemachine.Version) bool {
	return slices.ContainsFunc(c.suspects, func(u statemachine.Version) bool {
		return u >= v && u.Sequence() == v.Sequence()
	})
}

// between reports whether any of the versions lies above low and below high.
func between(versions []statemachine.Version, low, high statemachine.Version) bool {
	return slices.ContainsFunc(versions, func(v statemachine.Version) bool { return v > low && v < high })
}

// union returns what is above a version in either list, ascending.
func union(a, b []statemachine.Version, above statemachine.Version) []statemachine.Version {
	out := slices.Concat(a, b)
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.DeleteFunc(out, func(v statemachine.Version) bool { return v <= above })
}
