package adversary

import (
	"encoding/binary"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
)

// Frames of state transfer, as docs/wire-format.md numbers them.
const (
	typePlan    = wire.TypeStateFirst + 1
	typeChunk   = wire.TypeStateFirst + 3
	typeGone    = wire.TypeStateFirst + 4
	typeEntries = wire.TypeStateFirst + 6
	typeWait    = wire.TypeStateFirst + 8
)

// Kinds of items.
const (
	itemTable     = 1
	itemPartition = 2
	itemList      = 4
)

const (
	itemBytes  = 1 + 8 + 1             // kind, checkpoint, index
	chunkHead  = 1 + itemBytes + 8 + 1 // type, item, offset, last
	entryHead  = 1 + 8 + 1 + 4         // type, checkpoint, index, first position
	chunkLast  = chunkHead - 1
	planHead   = 1 + 8 + 8 // type, from, target
	planWindow = 8 + 32    // sequence and write set of one window
)

// A server of false things answers questions of other replicas wrongly: fetches
// or state transfer.
type server struct {
	stage
	answer func(s *server, frame []byte) ([]byte, bool) // false: the frame is not concerned; nil: nothing is said
}

func serve(answer func(*server, []byte) ([]byte, bool)) func(stage) lie {
	return func(s stage) lie { return &server{s, answer} }
}

// Say implements sim.Behaviour.
func (s *server) Say(_ consensus.ReplicaID, frame []byte) [][]byte {
	other, ok := s.answer(s, frame)
	switch {
	case !ok:
		return [][]byte{frame}
	case other == nil:
		return s.instead()
	}
	return s.instead(other)
}

// flipped returns a copy with one bit changed at or after a place.
func (s *stage) flipped(frame []byte, from int) []byte {
	out := append([]byte(nil), frame...)
	if from < len(out) {
		out[from+s.random(len(out)-from)] ^= 1 << s.random(8)
	}
	return out
}

// wrongPlan changes a write set or the sequence of a window in a plan (R94).
func wrongPlan(s *server, frame []byte) ([]byte, bool) {
	if kind(frame) != typePlan {
		return nil, false
	}
	if len(frame) < planHead+planWindow {
		return s.flipped(frame, planHead), true
	}
	return s.flipped(frame, len(frame)-planWindow), true
}

// wrongChunk changes the data of a partition, list, table or window (R94).
func wrongChunk(s *server, frame []byte) ([]byte, bool) {
	switch {
	case kind(frame) == typeEntries && len(frame) > entryHead:
		return s.flipped(frame, entryHead), true
	case kind(frame) == typeChunk && len(frame) > chunkHead:
		return s.flipped(frame, chunkHead), true
	}
	return nil, false
}

// wrongTable changes the table of a snapshot (R94).
func wrongTable(s *server, frame []byte) ([]byte, bool) {
	if kind(frame) != typeChunk || len(frame) <= chunkHead || frame[1] != itemTable {
		return nil, false
	}
	return s.flipped(frame, chunkHead), true
}

// wrongList lists other entries than a partition has: some twice in the place of
// others, so that whoever believes it lacks nothing (R94).
func wrongList(s *server, frame []byte) ([]byte, bool) {
	if kind(frame) != typeChunk || len(frame) < chunkHead+8 || frame[1] != itemList {
		return nil, false
	}
	out := append([]byte(nil), frame...)
	list := out[chunkHead:]
	i, j := s.random(len(list)/8)*8, s.random(len(list)/8)*8
	if i == j {
		return s.flipped(frame, chunkHead), true
	}
	copy(list[i:i+8], list[j:j+8])
	return out, true
}

// wrongValue changes the last byte of the entries that it serves: they are in order,
// and of their partition (R94).
func wrongValue(_ *server, frame []byte) ([]byte, bool) {
	if kind(frame) != typeEntries || len(frame) <= entryHead {
		return nil, false
	}
	out := append([]byte(nil), frame...)
	out[len(out)-1]++
	return out, true
}

// waitState promises every partition, and never gives one (R94).
func waitState(_ *server, frame []byte) ([]byte, bool) {
	if kind(frame) != typeEntries {
		return nil, false
	}
	return append([]byte{byte(typeWait), itemPartition}, frame[1:entryHead-4]...), true
}

// swollen makes the first entry that it serves so large that it is an answer of its
// own (R94).
func swollen(_ *server, frame []byte) ([]byte, bool) {
	if kind(frame) != typeEntries || len(frame) <= entryHead+9 {
		return nil, false
	}
	value := 1 + 4 + int(binary.BigEndian.Uint32(frame[entryHead+1:])) // after flag and key
	if entryHead+value > len(frame) {
		return nil, false
	}
	const size = 300 << 10
	out := binary.BigEndian.AppendUint32(frame[:entryHead+value:entryHead+value], size)
	return append(out, make([]byte, size)...), true
}

// shortChunk says that half of an item is all of it (R15, R94).
func shortChunk(_ *server, frame []byte) ([]byte, bool) {
	if kind(frame) == typeEntries && len(frame) > entryHead {
		return frame[:entryHead+(len(frame)-entryHead)/2], true
	}
	if kind(frame) != typeChunk || len(frame) <= chunkHead {
		return nil, false
	}
	out := append([]byte(nil), frame[:chunkHead+(len(frame)-chunkHead)/2]...)
	out[chunkLast] = 1
	return out, true
}

// wrongItem sends the data of one item as that of another (R14).
func wrongItem(s *server, frame []byte) ([]byte, bool) {
	switch kind(frame) {
	case typeChunk, typeEntries:
		return s.flipped(frame[:len(frame):len(frame)], 1+8), true
	}
	return nil, false
}

// goneState answers every question for state with: I do not have it (R94, R96).
func goneState(_ *server, frame []byte) ([]byte, bool) {
	switch kind(frame) {
	case typePlan:
		return append([]byte{byte(typeGone)}, make([]byte, itemBytes)...), true
	case typeChunk:
		return append([]byte{byte(typeGone)}, frame[1:1+itemBytes]...), true
	case typeEntries:
		return append([]byte{byte(typeGone), itemPartition}, frame[1:entryHead-4]...), true
	}
	return nil, false
}

// muteState plans, and then sends nothing more (R94).
func muteState(_ *server, frame []byte) ([]byte, bool) {
	return nil, kind(frame) == typeChunk || kind(frame) == typeEntries
}

// fetches reports whether a frame answers a fetch of a batch or of bodies.
func fetches(frame []byte) bool {
	return kind(frame) == wire.TypeBatch || kind(frame) == wire.TypeRequests
}

// garbage answers fetches with damaged bodies (R22).
func garbage(s *server, frame []byte) ([]byte, bool) { return s.flipped(frame, 1), fetches(frame) }

// truncated answers fetches with the first half (R22).
func truncated(_ *server, frame []byte) ([]byte, bool) {
	if !fetches(frame) {
		return nil, false
	}
	return frame[:1+len(frame)/2], true
}

// nothing answers no fetch (R22).
func nothing(_ *server, frame []byte) ([]byte, bool) { return nil, fetches(frame) }
