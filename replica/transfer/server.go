package transfer

import (
	"errors"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
)

// A Server answers the questions of replicas that fell behind, from the store
// alone: it needs neither core nor machine, and may run beside them. It is used
// by one goroutine. It keeps one window and one snapshot at hand; a question for
// another one costs a scan.
type Server struct {
	group *consensus.Group
	store statemachine.Store
	spool Spool

	spooled  consensus.Sequence // snapshot in the spool
	isSpool  bool
	window   consensus.Sequence // whose encoding is at hand
	encoding []byte
	digests  map[consensus.Sequence]crypto.Digest // of write sets, of windows that a plan may name
}

// NewServer returns a server over a store, with a spool of its own.
func NewServer(g *consensus.Group, store statemachine.Store, spool Spool) *Server {
	return &Server{group: g, store: store, spool: spool, digests: map[consensus.Sequence]crypto.Digest{}}
}

// Answer returns the frames that answer a question. What the store cannot give
// any more is answered with "gone": the asker turns to another replica.
func (s *Server) Answer(m consensus.Message) [][]byte {
	switch m := m.(type) {
	case askPlan:
		if p, ok := s.plan(m); ok {
			return [][]byte{p.marshal()}
		}
		return [][]byte{gone{}.marshal()}
	case askChunk:
		if c, ok := s.chunk(m); ok {
			return [][]byte{c.marshal()}
		}
		return [][]byte{gone{Item: m.Item}.marshal()}
	}
	return nil
}

func (s *Server) interval() consensus.Sequence {
	return consensus.Sequence(s.group.Genesis.Parameters.CheckpointInterval)
}

// plan finds the way from the asker's checkpoint, or else from the newest
// certified snapshot (R93).
func (s *Server) plan(m askPlan) (plan, bool) {
	k := s.interval()
	marker, err := s.store.Marker()
	if err != nil || m.From >= m.Target || m.From%k != 0 || m.Target%k != 0 || m.Target > marker.Version.Sequence() {
		return plan{}, false
	}
	if !m.Whole {
		if windows, ok := s.windows(m.From, m.Target); ok {
			return plan{From: m.From, Target: m.Target, Windows: windows}, true
		}
	}
	saved, err := s.store.SavedSnapshot()
	if err != nil || saved == nil {
		return plan{}, false
	}
	rest := cryptobyte.String(saved)
	c, err := wire.ReadSnapshotCertificate(&rest, s.group)
	if err != nil || c.Value.Sequence > m.Target {
		return plan{}, false
	}
	windows, ok := s.windows(c.Value.Sequence, m.Target)
	return plan{From: m.From, Target: m.Target, Snapshot: &c.Value, Windows: windows}, ok
}

// windows returns the write-set digests of all windows in (from, through].
func (s *Server) windows(from, through consensus.Sequence) ([]planWindow, bool) {
	k := s.interval()
	if uint64((through-from)/k) > planWindowsMax {
		return nil, false
	}
	windows := make([]planWindow, 0, (through-from)/k)
	for at := from + k; at <= through; at += k {
		d, ok := s.digests[at]
		if !ok {
			changes, err := s.changes(at)
			if err != nil {
				return nil, false
			}
			d = statemachine.WriteSetDigest(changes)
			s.remember(at, d)
		}
		windows = append(windows, planWindow{Sequence: at, WriteSet: d})
	}
	// What was remembered may have been given back since.
	if from < through {
		if _, err := s.changes(from + k); err != nil {
			return nil, false
		}
	}
	return windows, true
}

// remember keeps digests of at most as many windows as a plan may name.
func (s *Server) remember(at consensus.Sequence, d crypto.Digest) {
	if len(s.digests) >= planWindowsMax {
		clear(s.digests)
	}
	s.digests[at] = d
}

// changes reads the write set of the window that ends at a checkpoint (R124).
func (s *Server) changes(at consensus.Sequence) ([]statemachine.Change, error) {
	m, err := s.store.Marker()
	if err != nil {
		return nil, err
	}
	if at > m.Version.Sequence() { // else it would be kept as empty, and be wrong later
		return nil, statemachine.ErrVersion
	}
	through := min(statemachine.VersionAt(at, 255), m.Version)
	return s.store.Window(statemachine.VersionAt(at-s.interval(), 255), through)
}

func (s *Server) chunk(m askChunk) (chunk, bool) {
	switch m.Item.Kind {
	case itemTable:
		table, ok := s.table(m.Item.At)
		return cut(m, table), ok && m.Offset <= uint64(len(table))
	case itemWindow:
		if m.Item.At == 0 || m.Item.At%s.interval() != 0 {
			return chunk{}, false
		}
		if s.window != m.Item.At {
			changes, err := s.changes(m.Item.At)
			if err != nil {
				return chunk{}, false
			}
			s.window, s.encoding = m.Item.At, nil
			for _, c := range changes {
				s.encoding = appendChange(s.encoding, c)
			}
		}
		return cut(m, s.encoding), m.Offset <= uint64(len(s.encoding))
	case itemPartition:
		return s.partition(m)
	}
	return chunk{}, false
}

func cut(m askChunk, data []byte) chunk {
	if m.Offset > uint64(len(data)) {
		return chunk{}
	}
	rest := data[m.Offset:]
	n := min(len(rest), chunkBytes)
	return chunk{Item: m.Item, Offset: m.Offset, Last: n == len(rest), Data: rest[:n]}
}

// table returns the partitions of the saved snapshot, if it is the one asked for.
func (s *Server) table(at consensus.Sequence) ([]byte, bool) {
	saved, err := s.store.SavedSnapshot()
	if err != nil || saved == nil {
		return nil, false
	}
	rest := cryptobyte.String(saved)
	c, err := wire.ReadSnapshotCertificate(&rest, s.group)
	return rest, err == nil && c.Value.Sequence == at
}

// partition serves from the spool, which one scan of the snapshot fills.
func (s *Server) partition(m askChunk) (chunk, bool) {
	if !s.isSpool || s.spooled != m.Item.At {
		if _, ok := s.table(m.Item.At); !ok || s.fill(m.Item.At) != nil {
			s.isSpool = false
			return chunk{}, false
		}
		s.isSpool, s.spooled = true, m.Item.At
	}
	size := s.spool.Size(m.Item.Index)
	if m.Offset > size {
		return chunk{}, false
	}
	data := make([]byte, min(size-m.Offset, chunkBytes))
	if s.spool.ReadAt(m.Item.Index, data, m.Offset) != nil {
		return chunk{}, false
	}
	return chunk{Item: m.Item, Offset: m.Offset, Last: m.Offset+uint64(len(data)) == size, Data: data}, true
}

// fill writes the state at a snapshot into the spool, by partition.
func (s *Server) fill(at consensus.Sequence) error {
	if err := s.spool.Reset(at); err != nil {
		return err
	}
	m, err := s.store.Marker()
	if err != nil {
		return err
	}
	var buffers [statemachine.PartitionCount][]byte
	var failed error
	err = s.store.Scan(nil, nil, min(statemachine.VersionAt(at, 255), m.Version), func(key, value []byte) bool {
		p := statemachine.PartitionOf(key)
		buffers[p] = appendChange(buffers[p], statemachine.Change{Key: key, Value: value})
		if len(buffers[p]) >= spoolBytes {
			failed = s.spool.Append(p, buffers[p])
			buffers[p] = buffers[p][:0]
		}
		return failed == nil
	})
	if err != nil || failed != nil {
		return errors.Join(err, failed)
	}
	for p := range buffers {
		if err := s.spool.Append(uint8(p), buffers[p]); err != nil {
			return err
		}
	}
	return nil
}

// spoolBytes is what is gathered of a partition before it is appended.
const spoolBytes = 32 << 10
