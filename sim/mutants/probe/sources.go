package main

import (
	"encoding/binary"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/statemachine"
)

// sources are liars that serve states of their own making to whoever fell behind.
var sources = map[string]func(*sim.Faulty) sim.Behaviour{
	"inventor":  func(f *sim.Faulty) sim.Behaviour { return &inventor{last: map[uint64]bool{}} },
	"falsifier": func(f *sim.Faulty) sim.Behaviour { return &falsifier{} },
}

// What is read of the frames of state transfer: a plan has its windows at its end,
// each a sequence and a digest; a chunk names its item before its data.
const (
	typePlan    = wire.TypeStateFirst + 1
	typeChunk   = wire.TypeStateFirst + 3
	typeEntries = wire.TypeStateFirst + 6
	planHead    = 1 + 8 + 8 + 1 // with no snapshot
	chunkHead   = 1 + 1 + 8 + 1 + 8 + 1
	entryHead   = 1 + 8 + 1 + 4
	itemWindow  = 3
)

func is(frame []byte, t consensus.MessageType, least int) bool {
	return len(frame) >= least && consensus.MessageType(frame[0]) == t
}

// invention is the one change of an invented window.
var invention = statemachine.Change{Key: []byte("invention"), Value: []byte("of a liar")}

// An inventor puts a window of its own at the end of its plans, and serves it: all
// that is wrong is where its plans lead (R93).
type inventor struct {
	sim.Honest
	last map[uint64]bool // windows that it invented
}

// Say implements sim.Behaviour.
func (i *inventor) Say(_ consensus.ReplicaID, frame []byte) [][]byte {
	digest := statemachine.WriteSetDigest([]statemachine.Change{invention})
	switch {
	case is(frame, typePlan, planHead+4+8+len(digest)) && len(i.last) < heardMax:
		out := append([]byte(nil), frame...)
		at := len(out) - len(digest)
		copy(out[at:], digest[:])
		i.last[binary.BigEndian.Uint64(out[at-8:])] = true
		return [][]byte{out}
	case is(frame, typeChunk, chunkHead) && frame[1] == itemWindow && i.last[binary.BigEndian.Uint64(frame[2:])]:
		out := append([]byte(nil), frame[:chunkHead]...)
		out[chunkHead-1] = 1 // it is the last chunk
		out = append(out, 0)
		out = binary.BigEndian.AppendUint32(out, uint32(len(invention.Key)))
		out = append(out, invention.Key...)
		out = binary.BigEndian.AppendUint32(out, uint32(len(invention.Value)))
		return [][]byte{append(out, invention.Value...)}
	}
	return [][]byte{frame}
}

// A falsifier changes the last value of each partition that it serves (R94).
type falsifier struct{ sim.Honest }

// Say implements sim.Behaviour.
func (*falsifier) Say(_ consensus.ReplicaID, frame []byte) [][]byte {
	if !is(frame, typeEntries, entryHead+1) {
		return [][]byte{frame}
	}
	out := append([]byte(nil), frame...)
	out[len(out)-1]++
	return [][]byte{out}
}
