package transfer

import (
	"encoding/binary"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/statemachine"
)

// changeBytes is what the encoding of a change has beside key and value.
const changeBytes = 1 + 4 + 4

// appendChange appends the encoding of one change or entry.
func appendChange(b []byte, c statemachine.Change) []byte {
	flag := byte(0)
	if c.Deleted {
		flag = 1
	}
	b = append(b, flag)
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.Key)))
	b = append(b, c.Key...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.Value)))
	return append(b, c.Value...)
}

// readChange reads one change from the front. Its slices are those of s.
func readChange(s *cryptobyte.String) (c statemachine.Change, ok bool) {
	var size uint32
	if !readBool(s, &c.Deleted) || !s.ReadUint32(&size) || uint64(size) > uint64(len(*s)) || !s.ReadBytes(&c.Key, int(size)) {
		return c, false
	}
	if !s.ReadUint32(&size) || uint64(size) > uint64(len(*s)) || !s.ReadBytes(&c.Value, int(size)) {
		return c, false
	}
	return c, !c.Deleted || size == 0
}

// readChanges reads a whole write set.
func readChanges(s cryptobyte.String) (changes []statemachine.Change, ok bool) {
	for !s.Empty() {
		c, ok := readChange(&s)
		if !ok {
			return nil, false
		}
		changes = append(changes, c)
	}
	return changes, true
}
