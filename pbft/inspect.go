package pbft

import (
	"github.com/varangian-bft/varangian/consensus"
)

// DurableCheckpoint returns the checkpoint of an own CHECKPOINT that a record of the
// log holds: the state there was durable when the record was written (R50). ok is
// false for every other record.
func DurableCheckpoint(g *consensus.Group, r consensus.Record) (at consensus.Sequence, ok bool) {
	if r.Kind != recordCheckpoint {
		return 0, false
	}
	c, err := readFrame[*Checkpoint](newCodec(g), r.Data)
	if err != nil {
		return 0, false
	}
	return c.Sequence, true
}
