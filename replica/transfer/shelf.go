package transfer

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/statemachine"
)

// HeldMax is how many snapshots beside the newest a server can have at hand (R55).
const HeldMax = 2

const (
	shelvesMax = HeldMax + 1
	// shelfStepBytes is how much one step of Work moves.
	shelfStepBytes = 4 << 20
	// listingsBytesMax bounds the indices and entries of partitions in memory.
	listingsBytesMax = 64 << 20
	// listingDataMax is up to where a partition's entries are kept beside its index.
	listingDataMax = 4 << 20
)

// A shelf holds a snapshot in the spool, in the area of its number, by partition.
type shelf struct {
	at    consensus.Sequence // 0: empty
	root  crypto.Digest
	table []byte // encoded
	used  uint64
	ready bool
	next  []byte // key from which the scan goes on
	fill  *filler
}

// shelf returns a snapshot that is at hand, or begins to bring it there if it is the
// one that is saved beside the state.
func (s *Server) shelf(at consensus.Sequence) (*shelf, bool) {
	s.uses++
	oldest := 0
	for i := range s.shelves {
		if h := &s.shelves[i]; h.at == at && at > 0 {
			h.used = s.uses
			return h, true
		}
		if s.shelves[i].used < s.shelves[oldest].used {
			oldest = i
		}
	}
	saved, err := s.store.SavedSnapshot()
	if err != nil || saved == nil {
		return nil, false
	}
	rest := cryptobyte.String(saved)
	c, err := wire.ReadSnapshotCertificate(&rest, s.group)
	if err != nil || c.Value.Sequence != at || at == 0 || s.empty(oldest) != nil {
		return nil, false
	}
	s.shelves[oldest] = shelf{
		at: at, root: c.Value.Root, table: rest, used: s.uses, fill: &filler{spool: s.spool, area: Area(oldest)},
	}
	return &s.shelves[oldest], true
}

// empty clears a shelf.
func (s *Server) empty(i int) error {
	s.shelves[i] = shelf{}
	kept := s.listings[:0]
	for _, l := range s.listings {
		if l.area != Area(i) {
			kept = append(kept, l)
		}
	}
	clear(s.listings[len(kept):])
	s.listings = kept
	for p := range statemachine.PartitionCount {
		if err := s.spool.Clear(Area(i), uint8(p)); err != nil {
			return err
		}
	}
	return nil
}

// Work does one step of what answers wait for, and reports whether there is more.
// Questions are answered in between.
func (s *Server) Work() bool {
	for i := range s.shelves {
		if h := &s.shelves[i]; h.at > 0 && !h.ready {
			if s.step(h) != nil {
				_ = s.empty(i) // what cannot be read or written is not served
			}
			return true
		}
	}
	return false
}

// step moves a part of the snapshot from the state into the spool.
func (s *Server) step(h *shelf) error {
	m, err := s.store.Marker()
	if err != nil {
		return err
	}
	moved, ended := 0, true
	err = s.store.Scan(h.next, nil, min(statemachine.VersionAt(h.at, 255), m.Version), func(key, value []byte) bool {
		if moved >= shelfStepBytes {
			h.next, ended = bytes.Clone(key), false
			return false
		}
		moved += len(key) + len(value) + 64
		h.fill.add(statemachine.PartitionOf(key), key, value)
		return h.fill.err == nil
	})
	if err != nil {
		return err
	}
	if h.fill.err != nil {
		return h.fill.err
	}
	if !ended {
		return nil
	}
	err = h.fill.flush()
	h.ready, h.fill, h.next = err == nil, nil, nil
	return err
}

// A listing is the index of a partition on a shelf.
type listing struct {
	area      Area
	partition uint8
	list      []byte   // short digests
	ends      []uint64 // of the entries
	data      []byte   // the entries, unless they are too many
	size      uint64
}

// listing returns the index of a partition, which costs reading it unless it was
// asked for lately.
func (s *Server) listing(h *shelf, p uint8) (*listing, error) {
	area := s.areaOf(h)
	for i, l := range s.listings {
		if l.area == area && l.partition == p {
			s.listings = append(append(s.listings[:i:i], s.listings[i+1:]...), l)
			return l, nil
		}
	}
	l := &listing{area: area, partition: p}
	keep := s.spool.Size(area, p) <= listingDataMax
	var end uint64
	for c := (&cursor{spool: s.spool, area: area, partition: p}); ; {
		more, err := c.next()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		end += changeBytes + uint64(len(c.entry.Key)+len(c.entry.Value))
		l.ends = append(l.ends, end)
		l.list = appendShort(l.list, shortOf(&h.root, c.entry.Key, c.entry.Value))
		if keep {
			l.data = appendChange(l.data, c.entry)
		}
	}
	l.size = uint64(len(l.list)+len(l.data)) + 8*uint64(len(l.ends))
	s.listings = append(s.listings, l)
	total := uint64(0)
	for i := len(s.listings) - 1; i >= 0; i-- {
		if total += s.listings[i].size; total > listingsBytesMax && i < len(s.listings)-1 {
			s.listings = append([]*listing(nil), s.listings[i+1:]...)
			break
		}
	}
	return l, nil
}

func (s *Server) areaOf(h *shelf) Area {
	for i := range s.shelves {
		if h == &s.shelves[i] {
			return Area(i)
		}
	}
	return Areas // it is one of them
}

// list answers with a part of a partition's list.
func (s *Server) list(m askChunk) []byte {
	l, answer := s.open(m.Item)
	if answer != nil {
		return answer
	}
	if m.Offset > uint64(len(l.list)) {
		return gone{Item: m.Item}.marshal()
	}
	return cut(m, l.list).marshal()
}

// entries answers with entries of a partition.
func (s *Server) entries(m askEntries) []byte {
	i := item{Kind: itemPartition, At: m.At, Index: m.Index}
	l, answer := s.open(i)
	if answer != nil {
		return answer
	}
	data, ok := s.selected(l, m)
	if !ok {
		return gone{Item: i}.marshal()
	}
	return entries{At: m.At, Index: m.Index, From: m.From, Data: data}.marshal()
}

// open returns the index of a partition, or the frame that says why there is none.
func (s *Server) open(i item) (*listing, []byte) {
	h, ok := s.shelf(i.At)
	if !ok {
		return nil, gone{Item: i}.marshal()
	}
	if !h.ready {
		return nil, wait{Item: i}.marshal()
	}
	l, err := s.listing(h, i.Index)
	if err != nil {
		return nil, gone{Item: i}.marshal()
	}
	return l, nil
}

// selected returns the first of the entries that were asked for.
func (s *Server) selected(l *listing, m askEntries) (data []byte, ok bool) {
	count := uint64(len(l.ends))
	if uint64(m.From) >= count {
		return nil, false
	}
	limit := count - uint64(m.From)
	if len(m.Wanted) > 0 {
		limit = 8 * uint64(len(m.Wanted))
	}
	for i := uint64(0); i < limit && len(data) < chunkBytes; i++ {
		if len(m.Wanted) > 0 && m.Wanted[i/8]>>(i%8)&1 == 0 {
			continue
		}
		at := uint64(m.From) + i
		if at >= count {
			return nil, false
		}
		if data, ok = s.appendEntry(data, l, at); !ok {
			return nil, false
		}
	}
	return data, true
}

func (s *Server) appendEntry(b []byte, l *listing, at uint64) ([]byte, bool) {
	begin := uint64(0)
	if at > 0 {
		begin = l.ends[at-1]
	}
	if l.data != nil {
		return append(b, l.data[begin:l.ends[at]]...), true
	}
	n := len(b)
	b = append(b, make([]byte, l.ends[at]-begin)...)
	return b, s.spool.ReadAt(l.area, l.partition, b[n:], begin) == nil
}
