package transfer

import (
	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
)

// A Server answers the questions of replicas that fell behind, from the store
// alone: it needs neither core nor machine, and may run beside them. It is used
// by one goroutine. It keeps one window and a few snapshots at hand; a question for
// another one costs a scan, which Work does in steps.
type Server struct {
	group *consensus.Group
	store statemachine.Store
	spool Spool

	shelves  [shelvesMax]shelf
	uses     uint64             // counts questions for snapshots
	listings []*listing         // the newest last
	window   consensus.Sequence // whose encoding is at hand
	encoding []byte
	digests  map[consensus.Sequence]crypto.Digest // of write sets, of windows that a plan may name
	recent   recent
	scanned  bool // the last answer cost a scan whose result could not be kept
}

// NewServer returns a server over a store, with a spool of its own.
func NewServer(g *consensus.Group, store statemachine.Store, spool Spool) *Server {
	return &Server{group: g, store: store, spool: spool, digests: map[consensus.Sequence]crypto.Digest{}, recent: recent{most: keptBytesMax}}
}

// Answer returns the frames that answer a question. What the store cannot give
// any more is answered with "gone": the asker turns to another replica.
func (s *Server) Answer(m consensus.Message) [][]byte {
	s.interested()
	s.scanned = false
	switch m := m.(type) {
	case askPlan:
		if p, ok := s.plan(m); ok {
			return [][]byte{p.marshal()}
		}
		return [][]byte{gone{}.marshal()}
	case askChunk:
		if m.Item.Kind == itemList {
			return [][]byte{s.list(m)}
		}
		if c, ok := s.chunk(m); ok {
			return [][]byte{c.marshal()}
		}
		return [][]byte{gone{Item: m.Item}.marshal()}
	case askEntries:
		return [][]byte{s.entries(m)}
	case hold:
		if _, ok := s.shelf(m.At); ok {
			return [][]byte{wait{}.marshal()}
		}
		return [][]byte{gone{Item: item{Kind: itemTable, At: m.At}}.marshal()}
	}
	return nil
}

// Scanned reports whether the last answer cost a scan of the state that the next like it
// will cost again. Whoever asks for such has to be held back: it could keep the server
// from the others with questions that are short to ask and to answer (R102).
func (s *Server) Scanned() bool { return s.scanned }

func (s *Server) interval() consensus.Sequence {
	return consensus.Sequence(s.group.Genesis.Parameters.CheckpointInterval)
}

// plan finds the way from the asker's checkpoint, or else from the newest
// certified snapshot (R93).
func (s *Server) plan(m askPlan) (plan, bool) {
	k := s.interval()
	marker, err := s.store.Marker()
	if err != nil || m.From > m.Target || (m.From == m.Target && !m.Whole) || m.From%k != 0 || m.Target%k != 0 || m.Target > marker.Version.Sequence() {
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
	scanned := consensus.Sequence(0) // the first one that comes from the store
	for at := from + k; at <= through; at += k {
		if scanned == 0 && !s.isKept(at) {
			scanned = at
		}
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
	if scanned > 0 && !s.isKept(scanned) {
		if _, err := s.changes(scanned); err != nil {
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

// changes reads the write set of the window that ends at a checkpoint (R124), and keeps
// it, since that is a scan.
func (s *Server) changes(at consensus.Sequence) ([]statemachine.Change, error) {
	m, err := s.store.Marker()
	if err != nil {
		return nil, err
	}
	if at > m.Version.Sequence() { // else it would be kept as empty, and be wrong later
		return nil, statemachine.ErrVersion
	}
	through := min(statemachine.VersionAt(at, 255), m.Version)
	changes, err := s.store.Window(statemachine.VersionAt(at-s.interval(), 255), through)
	if err != nil {
		return nil, err
	}
	s.keep(at, changes)
	s.scanned = s.scanned || !s.isKept(at)
	return changes, nil
}

func (s *Server) chunk(m askChunk) (chunk, bool) {
	switch m.Item.Kind {
	case itemTable:
		shelf, ok := s.shelf(m.Item.At)
		if !ok || m.Offset > uint64(len(shelf.table)) {
			return chunk{}, false
		}
		return cut(m, shelf.table), true
	case itemWindow:
		if m.Item.At == 0 || m.Item.At%s.interval() != 0 {
			return chunk{}, false
		}
		if s.isKept(m.Item.At) {
			return s.keptChunk(m)
		}
		if s.window != m.Item.At {
			changes, err := s.changes(m.Item.At)
			if err != nil {
				return chunk{}, false
			}
			s.window, s.encoding = m.Item.At, encode(changes)
		}
		return cut(m, s.encoding), m.Offset <= uint64(len(s.encoding))
	case itemPartition, itemList:
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
