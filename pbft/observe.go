package pbft

import (
	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
)

// ReadVote reads the signed part of a PRE-PREPARE, PREPARE or COMMIT frame
// without checking who signed it, for whoever observes what a replica says:
// checkers and traces. Nothing is ever decided by it.
func ReadVote(frame []byte) (v Vote, ok bool) {
	if len(frame) < voteBytes {
		return Vote{}, false
	}
	s := cryptobyte.String(frame[1:voteBytes])
	v.Kind = consensus.MessageType(frame[0])
	ok = readHeader(&s, &v.Header) && s.ReadUint32((*uint32)(&v.Signer)) && s.CopyBytes(v.Signature[:])
	return v, ok && (v.Kind == TypePrePrepare || v.Kind == TypePrepare || v.Kind == TypeCommit)
}
