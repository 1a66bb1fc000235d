package transfer

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

func (s *Survey) do(store statemachine.Store, spool Spool) (*Surveyed, error) {
	out := &Surveyed{Staged: map[uint8]crypto.Digest{}}
	m, err := store.Marker()
	if err != nil {
		return nil, err
	}
	if out.Own, out.Damaged, err = statemachine.StoredPartitions(store, m.Version); err != nil {
		return nil, err
	}
	note, err := spool.Saved()
	if err != nil {
		return nil, err
	}
	if !s.Resume || note == nil {
		return out, spool.Reset()
	}
	for i := range statemachine.PartitionCount {
		p := uint8(i)
		if spool.Size(AreaStaged, p) == 0 {
			continue
		}
		digest, ok := restaged(spool, p)
		if was, _ := noted(note, p); !ok || was != digest {
			if err := spool.Clear(AreaStaged, p); err != nil {
				return nil, err
			}
			continue
		}
		out.Staged[p] = digest
	}
	return out, nil
}

// restaged returns the digest of what stands in the spool: a crash or rot may have
// made it another than was staged (R94).
func restaged(spool Spool, p uint8) (digest crypto.Digest, ok bool) {
	check := statemachine.NewPartitionCheck(p)
	c := &cursor{spool: spool, area: AreaStaged, partition: p}
	for {
		more, err := c.next()
		if err != nil {
			return digest, false
		}
		if !more {
			return check.Digest(), true
		}
		if c.entry.Deleted || !check.Add(c.entry.Key, c.entry.Value) {
			return digest, false
		}
	}
}

// noted returns the digest that a note gives a partition.
func noted(note []byte, p uint8) (digest crypto.Digest, ok bool) {
	s := cryptobyte.String(note)
	if !s.Skip(noteHead) {
		return digest, false
	}
	for !s.Empty() {
		var index uint8
		if !s.ReadUint8(&index) || !s.CopyBytes(digest[:]) {
			return digest, false
		}
		if index == p {
			return digest, true
		}
	}
	return digest, false
}

func (c *Collect) do(store statemachine.Store, spool Spool) error {
	m, err := store.Marker()
	if err != nil {
		return err
	}
	for i := range statemachine.PartitionCount {
		if p := uint8(i); c.Partitions.Has(p) {
			if err := spool.Clear(AreaOwn, p); err != nil {
				return err
			}
		}
	}
	fill := filler{spool: spool, area: AreaOwn}
	err = store.Salvage(m.Version, func(key, value []byte, damaged bool) bool {
		if p := statemachine.PartitionOf(key); !damaged && c.Partitions.Has(p) {
			fill.add(p, key, value)
		}
		return fill.err == nil
	})
	if err != nil {
		return err
	}
	return fill.flush()
}

// A filler sorts entries into the files of an area.
type filler struct {
	spool   Spool
	area    Area
	buffers [statemachine.PartitionCount][]byte
	err     error
}

// fillBytes is what is gathered of a partition before it is appended.
const fillBytes = 32 << 10

func (f *filler) add(p uint8, key, value []byte) {
	f.buffers[p] = appendChange(f.buffers[p], statemachine.Change{Key: key, Value: value})
	if len(f.buffers[p]) >= fillBytes && f.err == nil {
		f.err = f.spool.Append(f.area, p, f.buffers[p])
		f.buffers[p] = f.buffers[p][:0]
	}
}

func (f *filler) flush() error {
	for p := range f.buffers {
		if len(f.buffers[p]) > 0 && f.err == nil {
			f.err = f.spool.Append(f.area, uint8(p), f.buffers[p])
			f.buffers[p] = f.buffers[p][:0]
		}
	}
	return f.err
}

// here returns a cursor over what is here of a partition: what was staged of another
// snapshot is nearer to the one to come than the own state.
func here(spool Spool, p uint8) *cursor {
	if spool.Size(AreaStaged, p) > 0 {
		return &cursor{spool: spool, area: AreaStaged, partition: p}
	}
	return &cursor{spool: spool, area: AreaOwn, partition: p}
}

func (c *Compare) do(spool Spool) (missing []uint32, err error) {
	have := map[uint64]struct{}{}
	for at := here(spool, c.Partition); ; {
		more, err := at.next()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		have[shortOf(&c.Root, at.entry.Key, at.entry.Value)] = struct{}{}
	}
	eachShort(c.List, func(position uint32, short uint64) {
		if _, ok := have[short]; !ok {
			missing = append(missing, position)
		}
	})
	return missing, nil
}

func (g *Gather) do(spool Spool) error {
	if g.First {
		if err := spool.Clear(AreaGathered, g.Partition); err != nil {
			return err
		}
	}
	return spool.Append(AreaGathered, g.Partition, g.Entries)
}

// do merges the two sources of a partition by key, an entry that was gathered going
// before one that is here.
func (a *Assemble) do(spool Spool) (ok bool, err error) {
	m := &assembly{
		Assemble: a, check: statemachine.NewPartitionCheck(a.Partition),
		fill: filler{spool: spool, area: AreaAssembled},
	}
	if err := spool.Clear(AreaAssembled, a.Partition); err != nil {
		return false, err
	}
	if a.List != nil {
		m.keep, m.here = listed(a.List), here(spool, a.Partition)
	}
	if a.Gathered {
		m.gathered = &cursor{spool: spool, area: AreaGathered, partition: a.Partition}
	}
	if err := m.merge(); err != nil {
		return false, err
	}
	if err := spool.Clear(AreaGathered, a.Partition); err != nil {
		return false, err
	}
	if !m.check.Matches(a.Digest) {
		return false, spool.Clear(AreaAssembled, a.Partition)
	}
	if err := spool.Stage(a.Partition); err != nil {
		return false, err
	}
	return true, spool.Clear(AreaOwn, a.Partition)
}

// An assembly is an Assemble at work.
type assembly struct {
	*Assemble
	check          *statemachine.PartitionCheck
	fill           filler
	keep           map[uint64]struct{} // of what is here
	here, gathered *cursor             // nil at their ends
}

func (m *assembly) merge() error {
	if err := m.nextHere(); err != nil {
		return err
	}
	if err := advance(&m.gathered); err != nil {
		return err
	}
	for m.here != nil || m.gathered != nil {
		order := 1 // of what is here after what was gathered
		switch {
		case m.gathered == nil:
			order = -1
		case m.here != nil:
			order = bytes.Compare(m.here.entry.Key, m.gathered.entry.Key)
		}
		if order < 0 {
			m.take(m.here)
		} else {
			m.take(m.gathered)
			if err := advance(&m.gathered); err != nil {
				return err
			}
		}
		if order <= 0 {
			if err := m.nextHere(); err != nil {
				return err
			}
		}
	}
	return m.fill.flush()
}

func (m *assembly) take(c *cursor) {
	m.check.Add(c.entry.Key, c.entry.Value) // what it refuses will not match
	m.fill.add(m.Partition, c.entry.Key, c.entry.Value)
}

// nextHere moves to the next entry here that the list has.
func (m *assembly) nextHere() error {
	for {
		if err := advance(&m.here); err != nil || m.here == nil {
			return err
		}
		if _, ok := m.keep[shortOf(&m.Root, m.here.entry.Key, m.here.entry.Value)]; ok {
			return nil
		}
	}
}

func advance(c **cursor) error {
	if *c == nil {
		return nil
	}
	more, err := (*c).next()
	if !more {
		*c = nil
	}
	return err
}
