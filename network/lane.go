package network

import "github.com/varangian-bft/varangian/consensus"

// A lane is one stream of a connection, with a queue and a flow control of its
// own, so that a saturated class holds up no class of another lane (R102).
type lane uint8

const (
	laneConsensus lane = iota // votes and status
	laneClient                // requests, receipts
	laneBulk                  // fetches and state transfer
	lanes
)

// laneClasses lists what travels in each lane, most urgent first.
var laneClasses = [lanes][]consensus.Class{
	laneConsensus: {consensus.ClassVote, consensus.ClassStatus},
	laneClient:    {consensus.ClassClient},
	laneBulk:      {consensus.ClassFetch, consensus.ClassState},
}

func (l lane) String() string {
	return [...]string{"consensus", "client", "bulk", "unknown"}[min(l, lanes)]
}

// carries reports whether frames of class c belong in the lane.
func (l lane) carries(c consensus.Class) bool {
	return c < consensus.Classes && laneOf(c) == l
}

func laneOf(c consensus.Class) lane {
	switch c {
	case consensus.ClassVote, consensus.ClassStatus:
		return laneConsensus
	case consensus.ClassClient:
		return laneClient
	default:
		return laneBulk
	}
}
