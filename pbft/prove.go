package pbft

import (
	"errors"
	"fmt"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// ErrNoProof refuses a pair of frames that a correct replica could have signed,
// or that the accused did not sign (R47).
var ErrNoProof = errors.New("the pair proves nothing")

// A Charge is what evidence proves: one replica signed two headers of one kind
// for one view and sequence.
type Charge struct {
	Against  consensus.ReplicaID
	Kind     string // "PRE-PREPARE", "PREPARE" or "COMMIT"
	View     consensus.ViewNumber
	Sequence consensus.Sequence
	Batches  [2]crypto.Digest
}

// VerifyEvidence checks evidence offline: with the group alone, anyone can (R46).
func VerifyEvidence(ev consensus.Evidence, g *consensus.Group, scheme crypto.Scheme) (Charge, error) {
	c := newCodec(g)
	var votes [2]Vote
	var checks [2]crypto.Check
	for i, frame := range [][]byte{ev.A, ev.B} {
		if len(frame) != voteBytes {
			return Charge{}, fmt.Errorf("%w: statement %d is not a vote", ErrNoProof, i+1)
		}
		ok := false
		if votes[i], checks[i], ok = c.evidenceVote(frame); !ok || votes[i].Signer != ev.Against {
			return Charge{}, fmt.Errorf("%w: statement %d is not a vote of replica %d", ErrNoProof, i+1, ev.Against)
		}
	}
	if !contradict(&votes[0], &votes[1]) {
		return Charge{}, fmt.Errorf("%w: the statements do not exclude each other", ErrNoProof)
	}
	var valid [2]bool
	scheme.Verify(checks[:], valid[:])
	if !valid[0] || !valid[1] {
		return Charge{}, fmt.Errorf("%w: a signature does not hold", ErrNoProof)
	}
	h := votes[0].Header
	return Charge{
		Against: ev.Against, Kind: kindName(votes[0].Kind), View: h.View, Sequence: h.Sequence,
		Batches: [2]crypto.Digest{h.Batch, votes[1].Header.Batch},
	}, nil
}
