package transfer

import (
	"bytes"
	"container/heap"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine"
)

// A Spool holds the entries of a snapshot apart by partition, each partition by
// ascending key: on the asking side until all are there, on the serving side so
// that one scan serves every question. What it holds need not survive a crash.
type Spool interface {
	// Reset empties the spool, and begins one for a snapshot.
	Reset(at consensus.Sequence) error
	// Append adds to a partition.
	Append(partition uint8, data []byte) error
	// Size returns how many bytes a partition has.
	Size(partition uint8) uint64
	// ReadAt fills p from an offset of a partition, whole or with an error.
	ReadAt(partition uint8, p []byte, offset uint64) error
}

// A MemorySpool is a Spool for small states and for the simulator.
type MemorySpool struct {
	partitions [statemachine.PartitionCount][]byte
}

// Reset implements Spool.
func (m *MemorySpool) Reset(consensus.Sequence) error {
	*m = MemorySpool{}
	return nil
}

// Append implements Spool.
func (m *MemorySpool) Append(partition uint8, data []byte) error {
	m.partitions[partition] = append(m.partitions[partition], data...)
	return nil
}

// Size implements Spool.
func (m *MemorySpool) Size(partition uint8) uint64 { return uint64(len(m.partitions[partition])) }

// ReadAt implements Spool.
func (m *MemorySpool) ReadAt(partition uint8, p []byte, offset uint64) error {
	data := m.partitions[partition]
	if offset > uint64(len(data)) || uint64(len(p)) > uint64(len(data))-offset {
		return errors.New("transfer: read past the end of a partition")
	}
	copy(p, data[offset:])
	return nil
}

// A cursor walks through one partition of a spool.
type cursor struct {
	spool     Spool
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
		left := c.spool.Size(c.partition) - c.offset
		if left == 0 {
			if len(c.buffer) > 0 {
				return false, fmt.Errorf("transfer: partition %d of the spool ends inside an entry", c.partition)
			}
			return false, nil
		}
		more := make([]byte, uint64(len(c.buffer))+min(left, chunkBytes))
		n := copy(more, c.buffer)
		if err := c.spool.ReadAt(c.partition, more[n:], c.offset); err != nil {
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

// merge returns all entries of a spool by ascending key, as Store.Install wants
// them.
func merge(spool Spool) (func() (statemachine.Change, bool, error), error) {
	var h cursors
	for p := range statemachine.PartitionCount {
		c := &cursor{spool: spool, partition: uint8(p)}
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
