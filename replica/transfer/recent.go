package transfer

import (
	"math"
	"slices"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine"
)

// What a server keeps of windows as they are flushed. To read one back from the
// store costs a scan of the whole state: whoever comes back under load would fall
// behind faster than windows reach it (R96).
const (
	// recentBytesMax bounds the write sets in memory, of windows since about the
	// newest snapshot.
	recentBytesMax = 32 << 20
	// keptBytesMax bounds those in the spool while somebody fetches; above it the
	// oldest go, and cost a scan again.
	keptBytesMax = 1 << 30
	// keptCountMax is how many windows the spool has at most: one in each file of
	// areaWindows.
	keptCountMax = statemachine.PartitionCount
	// keptSnapshots is how many snapshot intervals back windows are kept.
	keptSnapshots = 8
	// interestMax is how many windows are kept after the last question.
	interestMax = 64
)

// areaWindows is behind those of the shelves.
const areaWindows = Area(shelvesMax)

// recent are the windows that were flushed last.
type recent struct {
	windows  []*statemachine.Window // the newest last
	bytes    int
	kept     [keptCountMax]consensus.Sequence // in the spool, by slot; 0: empty
	onDisk   uint64
	most     uint64 // bound of onDisk
	interest int    // windows until nobody is taken to fetch any more
}

// encode is the form in which a window is sent.
func encode(changes []statemachine.Change) (data []byte) {
	for _, c := range changes {
		data = appendChange(data, c)
	}
	return data
}

// bytesOf is what a write set holds in memory.
func bytesOf(changes []statemachine.Change) (n int) {
	for _, c := range changes {
		n += len(c.Key) + len(c.Value) + 64
	}
	return n
}

// Flushed takes a window that this replica has executed and made durable (R124). Its
// write set must not change any more.
func (s *Server) Flushed(w *statemachine.Window) {
	r := &s.recent
	r.windows = append(r.windows, w)
	r.bytes += bytesOf(w.Changes)
	most := int(s.group.Genesis.Parameters.SnapshotInterval) + 1
	for len(r.windows) > most || len(r.windows) > 0 && r.bytes > recentBytesMax {
		r.bytes -= bytesOf(r.windows[0].Changes)
		r.windows = slices.Delete(r.windows, 0, 1)
	}
	switch {
	case r.interest == 0:
	case r.interest == 1:
		s.forgetWindows()
	default:
		r.interest--
		s.keep(w.Sequence, w.Changes)
	}
}

// Forget drops all that was read of the state, since another one has been installed in
// its place: windows and snapshots of one that went wrong would make a repaired replica
// pass for a liar (R124).
func (s *Server) Forget() {
	s.forgetWindows()
	s.recent.windows, s.recent.bytes = nil, 0
	s.window, s.encoding = 0, nil
	clear(s.digests)
	for i := range s.shelves {
		_ = s.empty(i) // what stays in the spool is cleared before the next use
	}
}

// interested notes that somebody fetches: from now on windows go to the spool.
func (s *Server) interested() {
	r := &s.recent
	if r.interest == 0 {
		for _, w := range r.windows {
			s.keep(w.Sequence, w.Changes)
		}
	}
	r.interest = interestMax
}

func (s *Server) slot(at consensus.Sequence) uint8 {
	return uint8(at / s.interval() % keptCountMax)
}

// isKept reports whether a window is in the spool.
func (s *Server) isKept(at consensus.Sequence) bool { return at > 0 && s.recent.kept[s.slot(at)] == at }

// keep puts a window into the spool, unless newer ones need its room. What is not there
// is read from the store again.
func (s *Server) keep(at consensus.Sequence, changes []statemachine.Change) {
	if s.recent.kept[s.slot(at)] >= at {
		return
	}
	data := encode(changes)
	s.dropWindow(s.slot(at))
	for uint64(len(data))+s.recent.onDisk > s.recent.most {
		if !s.dropOldest(at) {
			return
		}
	}
	if s.spool.Append(areaWindows, s.slot(at), data) != nil {
		_ = s.spool.Clear(areaWindows, s.slot(at)) // and cleared again before the next use
		return
	}
	s.recent.kept[s.slot(at)] = at
	s.recent.onDisk += uint64(len(data))
	if far := keptSnapshots * consensus.Sequence(s.group.Genesis.Parameters.SnapshotInterval) * s.interval(); at > far && s.isKept(at-far) {
		s.dropWindow(s.slot(at - far))
	}
	s.remember(at, statemachine.WriteSetDigest(changes))
}

// dropOldest removes the oldest window below a checkpoint from the spool; false if there
// is none.
func (s *Server) dropOldest(below consensus.Sequence) bool {
	oldest, found := uint8(0), false
	for i, at := range s.recent.kept {
		if at > 0 && at < below && (!found || at < s.recent.kept[oldest]) {
			oldest, found = uint8(i), true
		}
	}
	if found {
		s.dropWindow(oldest)
	}
	return found
}

// dropWindow empties a slot, also of what an earlier process left there.
func (s *Server) dropWindow(slot uint8) {
	if s.recent.kept[slot] > 0 {
		s.recent.onDisk -= s.spool.Size(areaWindows, slot)
		s.recent.kept[slot] = 0
	}
	_ = s.spool.Clear(areaWindows, slot) // a file that stays is not served
}

// forgetWindows empties the spool of windows.
func (s *Server) forgetWindows() {
	for s.dropOldest(math.MaxUint64) {
	}
	s.recent.interest = 0
}

// keptChunk answers a question for a window that is in the spool.
func (s *Server) keptChunk(m askChunk) (chunk, bool) {
	slot := s.slot(m.Item.At)
	size := s.spool.Size(areaWindows, slot)
	if m.Offset > size {
		return chunk{}, false
	}
	data := make([]byte, min(size-m.Offset, chunkBytes))
	if s.spool.ReadAt(areaWindows, slot, data, m.Offset) != nil {
		return chunk{}, false
	}
	return chunk{Item: m.Item, Offset: m.Offset, Last: m.Offset+uint64(len(data)) == size, Data: data}, true
}
