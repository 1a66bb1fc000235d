package memory

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/tidwall/btree"

	"github.com/varangian-bft/varangian/statemachine"
)

// A Decay is what a rotten disk does to an entry.
type Decay uint8

// The decays.
const (
	Dropped Decay = iota // its newest version is gone: an older one, or none, is in its place
	Flipped              // a bit of its newest value
	Swapped              // its newest value with that of another key
	Hidden               // reads do not find its newest version, though scans do
	Broken               // nothing can be read where its newest version is, nor stepped over
	Decays
)

func (d Decay) String() string {
	return [...]string{"dropped", "flipped", "swapped", "hidden", "broken", "none"}[d]
}

// Decay lets the newest version of an entry rot, in the way given, without anybody
// hearing of it. pick draws a number below n. It returns the key; ok is false if there
// was nothing to rot.
func (s *Store) Decay(how Decay, pick func(n int) int) (key string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cells.Len() == 0 {
		return "", false
	}
	key, cells, _ := s.cells.GetAt(pick(s.cells.Len()))
	last := cells[len(cells)-1]
	switch how {
	case Dropped:
		if len(cells) == 1 {
			s.cells.Delete(key)
		} else {
			s.cells.Set(key, slices.Clone(cells[:len(cells)-1]))
		}
		return key, true
	case Flipped:
		if last.deleted || len(last.value) == 0 {
			return "", false
		}
		last.value = slices.Clone(last.value)
		last.value[pick(len(last.value))] ^= 1 << pick(8)
		replace(s.cells, key, cells, last)
		return key, true
	case Swapped:
		other, others, _ := s.cells.GetAt(pick(s.cells.Len()))
		with := others[len(others)-1]
		if other == key || last.deleted || with.deleted {
			return "", false
		}
		last.value, with.value = with.value, last.value
		last.sum, with.sum = with.sum, last.sum
		replace(s.cells, key, cells, last)
		replace(s.cells, other, others, with)
		return key, true
	case Hidden, Broken:
		last.ruin = how
		replace(s.cells, key, cells, last)
		s.ruined = true
		return key, true
	case Decays:
	}
	return "", false
}

// Check looks for rot that no scan would tell, or that nothing steps over, as a check of
// all files does, and says ErrRuined (R121).
func (s *Store) Check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ruined {
		return nil
	}
	var err error
	s.cells.Scan(func(key string, cells []cell) bool {
		for i := range cells {
			if r := cells[i].ruin; r != 0 && err == nil {
				err = fmt.Errorf("%w: what is stored of key %q is %s", statemachine.ErrRuined, key, r)
			}
		}
		return err == nil
	})
	s.ruined = err != nil
	return err
}

// readable returns ErrRuined if one of a key's versions is broken.
func readable(key string, cells []cell) error {
	for i := range cells {
		if cells[i].ruin == Broken {
			return fmt.Errorf("%w: what is stored of key %q cannot be read", statemachine.ErrRuined, key)
		}
	}
	return nil
}

// replace puts another cell in the place of the newest one.
func replace(m *btree.Map[string, []cell], key string, cells []cell, c cell) {
	cells = slices.Clone(cells)
	cells[len(cells)-1] = c
	m.Set(key, cells)
}

// intact returns ErrRuined if a walk over everything would come by something broken.
func (s *Store) intact() (err error) {
	s.cells.Scan(func(key string, cells []cell) bool {
		err = readable(key, cells)
		return err == nil
	})
	return err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum binds a value to its key and version.
func checksum(key string, v statemachine.Version, value []byte) uint32 {
	var head [8]byte
	binary.BigEndian.PutUint64(head[:], uint64(v))
	sum := crc32.Update(0, castagnoli, head[:])
	sum = crc32.Update(sum, castagnoli, []byte(key))
	return crc32.Update(sum, castagnoli, value)
}
