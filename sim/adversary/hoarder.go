package adversary

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// A hoarder gives nothing back, so that in the end it alone has the windows that lead
// to the group from far behind, and hands them out slower and slower: never so slowly
// that somebody who has got used to it complains (R94).
type hoarder struct {
	stage
	delay time.Duration
}

// hoarderDelayMax is just within what a source may take at most.
const hoarderDelayMax = 1900 * time.Millisecond

func newHoarder(s stage) lie {
	s.Hoard()
	return &hoarder{s, 5 * time.Millisecond}
}

// Say implements sim.Behaviour.
func (h *hoarder) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	if kind(frame) != typeChunk && kind(frame) != typeEntries {
		return [][]byte{frame}
	}
	h.delay = min(h.delay*5/4, hoarderDelayMax)
	late := append([]byte(nil), frame...)
	h.Later(h.delay, func() { h.Send(to, late) })
	return h.instead()
}
