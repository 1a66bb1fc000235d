package transfer

import (
	"bytes"
	"container/heap"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/statemachine"
)

// An Area is a part of a Spool with a file for each partition.
type Area uint8

// Areas of the asking side. The serving side numbers its snapshots.
const (
	AreaOwn       Area = iota // what the own store has of partitions that differ
	AreaGathered              // entries as they arrive
	AreaAssembled             // a partition while it is put together
	AreaStaged                // verified partitions of a snapshot
	// Areas is how many a Spool has.
	Areas
)

// A Spool holds entries apart by partition, each partition by ascending key: on the
// asking side until all are there, on the serving side so that one scan serves every
// question. Of what it holds only what Save made durable need survive a crash, and
// even that is verified again (R94).
type Spool interface {
	// Reset empties the spool, and leaves nothing of it behind.
	Reset() error
	// Clear empties one file.
	Clear(a Area, partition uint8) error
	// Append adds to a file.
	Append(a Area, partition uint8, data []byte) error
	// Size returns how many bytes a file has.
	Size(a Area, partition uint8) uint64
	// ReadAt fills p from an offset of a file, whole or with an error.
	ReadAt(a Area, partition uint8, p []byte, offset uint64) error
	// Stage moves a partition from AreaAssembled to AreaStaged, in place of what is
	// there.
	Stage(partition uint8) error
	// Save makes AreaStaged durable, and then the note, which replaces the last one.
	Save(note []byte) error
	// Saved returns the last note, or nil. A spool that was opened again has what
	// AreaStaged had then or later; all else is gone.
	Saved() ([]byte, error)
}

// A MemorySpool is a Spool for small states and for the simulator.
type MemorySpool struct {
	files [Areas][statemachine.PartitionCount][]byte
	kept  [statemachine.PartitionCount][]byte // durable
	note  []byte
}

// Crash does what a loss of power does: what was not saved is gone.
func (m *MemorySpool) Crash() {
	m.files = [Areas][statemachine.PartitionCount][]byte{AreaStaged: m.kept}
}

// Reset implements Spool.
func (m *MemorySpool) Reset() error {
	*m = MemorySpool{}
	return nil
}

// Clear implements Spool.
func (m *MemorySpool) Clear(a Area, partition uint8) error {
	m.files[a][partition] = nil
	return nil
}

// Append implements Spool.
func (m *MemorySpool) Append(a Area, partition uint8, data []byte) error {
	m.files[a][partition] = append(m.files[a][partition], data...)
	return nil
}

// Size implements Spool.
func (m *MemorySpool) Size(a Area, partition uint8) uint64 { return uint64(len(m.files[a][partition])) }

// ReadAt implements Spool.
func (m *MemorySpool) ReadAt(a Area, partition uint8, p []byte, offset uint64) error {
	data := m.files[a][partition]
	if offset > uint64(len(data)) || uint64(len(p)) > uint64(len(data))-offset {
		return errors.New("transfer: read past the end of a partition")
	}
	copy(p, data[offset:])
	return nil
}

// Stage implements Spool.
func (m *MemorySpool) Stage(partition uint8) error {
	m.files[AreaStaged][partition] = m.files[AreaAssembled][partition]
	m.files[AreaAssembled][partition] = nil
	return nil
}

// Save implements Spool.
func (m *MemorySpool) Save(note []byte) error {
	m.kept, m.note = m.files[AreaStaged], bytes.Clone(note)
	return nil
}

// Saved implements Spool.
func (m *MemorySpool) Saved() ([]byte, error) { return bytes.Clone(m.note), nil }

// cursorBytes is what a cursor reads at once; a merge has 256 of them.
const cursorBytes = 64 << 10

// A cursor walks through one file of a spool.
type cursor struct {
	spool     Spool
	area      Area
	partition uint8
	offset    uint64 // of what is not buffered yet
	buffer    []byte
	entry     statemachine.Change
}

// next moves to the next entry; ok is false at the end.
func (c *cursor) next() (ok bool, err error) {
	for {
		s := cryptobyte.String(c.buffer)
		if e, ok := readChange(&s); ok {
			c.entry, c.buffer = e, s
			return true, nil
		}
		left := c.spool.Size(c.area, c.partition) - c.offset
		if left == 0 {
			if len(c.buffer) > 0 {
				return false, fmt.Errorf("transfer: partition %d of the spool ends inside an entry", c.partition)
			}
			return false, nil
		}
		more := make([]byte, uint64(len(c.buffer))+min(left, cursorBytes))
		n := copy(more, c.buffer)
		if err := c.spool.ReadAt(c.area, c.partition, more[n:], c.offset); err != nil {
			return false, err
		}
		c.offset += uint64(len(more) - n)
		c.buffer = more
	}
}

// cursors is a heap by key.
type cursors []*cursor

func (h cursors) Len() int           { return len(h) }
func (h cursors) Less(i, j int) bool { return bytes.Compare(h[i].entry.Key, h[j].entry.Key) < 0 }
func (h cursors) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *cursors) Push(x any) { *h = append(*h, x.(*cursor)) }

// Pop implements heap.Interface.
func (h *cursors) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// merge returns all staged entries of some partitions by ascending key, as
// Store.Install wants them.
func merge(spool Spool, of statemachine.PartitionSet) (func() (statemachine.Change, bool, error), error) {
	var h cursors
	for p := range statemachine.PartitionCount {
		if !of.Has(uint8(p)) {
			continue
		}
		c := &cursor{spool: spool, area: AreaStaged, partition: uint8(p)}
		ok, err := c.next()
		if err != nil {
			return nil, err
		}
		if ok {
			h = append(h, c)
		}
	}
	heap.Init(&h)
	var last *cursor // its entry was handed out and may be in use until the next call
	return func() (statemachine.Change, bool, error) {
		if last != nil {
			ok, err := last.next()
			if err != nil {
				return statemachine.Change{}, false, err
			}
			if ok {
				heap.Push(&h, last)
			}
		}
		if len(h) == 0 {
			last = nil
			return statemachine.Change{}, false, nil
		}
		last = heap.Pop(&h).(*cursor)
		return last.entry, true, nil
	}, nil
}
