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

	stamp uint64 // Badger's timestamp of the entry
}

func (c *control) marshal() []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, 72+8*len(c.suspects)))
	b.AddUint64(uint64(c.marker.Version))
	b.AddBytes(c.marker.Chain[:])
	b.AddUint64(c.sets)
	b.AddUint64(uint64(c.retired))
	b.AddUint64(uint64(c.floor))
	b.AddUint32(uint32(len(c.suspects)))
	for _, v := range c.suspects {
		b.AddUint64(uint64(v))
	}
	return b.BytesOrPanic()
}

func readControl(raw []byte) (*control, error) {
	s := cryptobyte.String(raw)
	var c control
	var count uint32
	ok := s.ReadUint64((*uint64)(&c.marker.Version)) && s.CopyBytes(c.marker.Chain[:]) && s.ReadUint64(&c.sets) &&
		s.ReadUint64((*uint64)(&c.retired)) && s.ReadUint64((*uint64)(&c.floor)) && s.ReadUint32(&count) &&
		count <= suspectsCountMax && len(s) == 8*int(count)
	for last := c.marker.Version; ok && count > 0; count-- {
		var v statemachine.Version
		ok = s.ReadUint64((*uint64)(&v)) && v > last
		c.suspects, last = append(c.suspects, v), v
	}
	if !ok || c.retired > c.marker.Version || c.floor > c.marker.Version {
		return nil, fmt.Errorf("%w: the control entry of the state is malformed", statemachine.ErrRot)
	}
	return &c, nil
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
