package pbft

import (
	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
)

// slotStatusBytes is the size of one SlotStatus.
const slotStatusBytes = 1 + 8 + 8

// status reads a STATUS. Its counts are compared with the bytes there before
// memory is taken (R103).
func (c *codec) status(frame []byte) (unverified, error) {
	out := &Status{}
	s := cryptobyte.String(frame[1:])
	if !s.ReadUint64((*uint64)(&out.View)) || !s.ReadUint64((*uint64)(&out.ChangingTo)) ||
		!s.ReadUint64((*uint64)(&out.Low)) || !s.ReadUint64((*uint64)(&out.Ordered)) ||
		out.ChangingTo < out.View || out.ChangingTo >= numberMax || out.Low >= numberMax || out.Ordered >= numberMax {
		return unverified{}, ErrForm
	}
	if !c.readChanges(&s, out) || !c.readSlots(&s, out) || !c.readMasks(&s, out) || !s.Empty() {
		return unverified{}, ErrForm
	}
	return unverified{Value: out}, nil
}

func (c *codec) readChanges(s *cryptobyte.String, out *Status) bool {
	var mask uint64
	if !s.ReadUint64(&mask) || !c.members(mask) {
		return false
	}
	out.Changes = make([]consensus.ViewNumber, c.group.N)
	for i := range out.Changes {
		if mask&(1<<i) == 0 {
			continue
		}
		if !s.ReadUint64((*uint64)(&out.Changes[i])) || out.Changes[i] <= out.View || out.Changes[i] >= numberMax {
			return false
		}
	}
	return true
}

func (c *codec) readSlots(s *cryptobyte.String, out *Status) bool {
	var count uint32
	if !s.ReadUint32(&count) || uint64(count) > 2*uint64(c.window) || uint64(len(*s)) < uint64(count)*slotStatusBytes {
		return false
	}
	out.Slots = make([]SlotStatus, count)
	for i := range out.Slots {
		x := &out.Slots[i]
		if !s.ReadUint8(&x.Flags) || !s.ReadUint64(&x.Prepares) || !s.ReadUint64(&x.Commits) ||
			x.Flags >= flagsEnd || !c.members(x.Prepares) || !c.members(x.Commits) {
			return false
		}
	}
	return count == 0 || out.Slots[count-1] != SlotStatus{}
}

func (c *codec) readMasks(s *cryptobyte.String, out *Status) bool {
	var count uint32
	p := &c.group.Genesis.Parameters
	if !s.ReadUint32(&count) || uint64(count) > p.Window/p.CheckpointInterval || uint64(len(*s)) != uint64(count)*8 {
		return false
	}
	out.Checkpoints = make([]uint64, count)
	for i := range out.Checkpoints {
		if !s.ReadUint64(&out.Checkpoints[i]) || !c.members(out.Checkpoints[i]) {
			return false
		}
	}
	return count == 0 || out.Checkpoints[count-1] != 0
}

// members reports whether a mask names members only.
func (c *codec) members(mask uint64) bool {
	return c.group.N == 64 || mask < 1<<c.group.N
}
