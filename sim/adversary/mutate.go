package adversary

import (
	"encoding/binary"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/pbft"
)

// A mutator changes one field of one frame in four, for one receiver, and signs
// the result with its own key: by one, to nothing, to the maximum, to what it was
// in an earlier frame, or to what another replica said there (R4, R5, R15, R19,
// R108). So each field of each type of message is a lie at some time.
type mutator struct {
	stage
	earlier map[consensus.MessageType][]byte // said before
	theirs  map[consensus.MessageType][]byte // heard from others
}

func newMutator(s stage) lie {
	return &mutator{stage: s, earlier: map[consensus.MessageType][]byte{}, theirs: map[consensus.MessageType][]byte{}}
}

// A field is a place in a frame that means one thing.
type field struct{ at, size int }

// fields are the places of the frames that have fixed ones. In the others, and
// behind these, every place can be one.
var fields = map[consensus.MessageType][]field{
	pbft.TypePrePrepare:            {{1, 8}, {9, 8}, {17, 32}, {49, 4}, {117, 8}, {125, 4}, {129, 32}},
	pbft.TypePrepare:               {{1, 8}, {9, 8}, {17, 32}, {49, 4}},
	pbft.TypeCommit:                {{1, 8}, {9, 8}, {17, 32}, {49, 4}},
	pbft.TypeCheckpoint:            {{1, 8}, {9, 32}, {41, 4}},
	pbft.TypeViewChange:            {{1, 8}, {9, 8}, {17, 32}},
	pbft.TypeNewView:               {{1, 8}, {9, 1}, {10, 4}},
	pbft.TypeStatus:                {{1, 8}, {9, 8}, {17, 8}, {25, 8}, {33, 8}},
	pbft.TypeCommitCertificate:     {{1, 8}, {9, 8}, {17, 32}, {49, 1}, {50, 4}},
	pbft.TypeCheckpointCertificate: {{1, 8}, {9, 32}, {41, 1}, {42, 4}},
	consensus.TypeSnapshot:         {{1, 8}, {9, 32}, {41, 32}, {73, 4}},
	typePlan:                       {{1, 8}, {9, 8}, {17, 1}},
	typeChunk:                      {{1, 1}, {2, 8}, {10, 1}, {11, 8}, {19, 1}},
	typeGone:                       {{1, 1}, {2, 8}, {10, 1}},
	wire.TypeReply:                 {{1, 32}, {97, 32}, {129, 8}, {137, 8}, {145, 32}, {177, 8}, {185, 32}, {217, 4}, {221, 4}},
}

// anywhere is the share of mutations that hit a place outside of the table.
const anywhere = 4

// Say implements sim.Behaviour.
func (m *mutator) Say(_ consensus.ReplicaID, frame []byte) [][]byte { return m.mutated(frame) }

// Answer implements sim.Behaviour.
func (m *mutator) Answer(_ int, frame []byte) [][]byte { return m.mutated(frame) }

// Hear implements sim.Listener.
func (m *mutator) Hear(_ int, client bool, frame []byte) bool {
	if !client && len(frame) > 0 {
		m.theirs[kind(frame)] = frame
	}
	return true
}

func (m *mutator) mutated(frame []byte) [][]byte {
	k := kind(frame)
	earlier := m.earlier[k]
	m.earlier[k] = frame
	if len(frame) < 2 || m.random(4) > 0 {
		return [][]byte{frame}
	}
	out := append([]byte(nil), frame...)
	f := m.choose(k, len(out))
	m.set(out[f.at:f.at+f.size], f, earlier, m.theirs[k])
	return m.instead(m.resigned(out))
}

// choose picks a field of a frame.
func (m *mutator) choose(k consensus.MessageType, length int) field {
	if list := fields[k]; len(list) > 0 && m.random(anywhere) > 0 {
		if f := list[m.random(len(list))]; f.at+f.size <= length {
			return f
		}
	}
	f := field{1 + m.random(length-1), []int{1, 4, 8}[m.random(3)]}
	f.size = min(f.size, length-f.at)
	return f
}

// set gives a field its new value.
func (m *mutator) set(value []byte, f field, earlier, theirs []byte) {
	switch m.random(6) {
	case 0:
		add(value, 1)
	case 1:
		add(value, ^uint64(0))
	case 2:
		clear(value)
	case 3:
		for i := range value {
			value[i] = 0xff
		}
	case 4:
		if len(earlier) >= f.at+f.size {
			copy(value, earlier[f.at:])
		}
	case 5:
		if len(theirs) >= f.at+f.size {
			copy(value, theirs[f.at:])
		}
	}
}

// add adds to a big-endian number of up to 8 bytes, or to the last 8 of a digest.
func add(value []byte, d uint64) {
	tail := value[max(len(value)-8, 0):]
	var wide [8]byte
	copy(wide[8-len(tail):], tail)
	binary.BigEndian.PutUint64(wide[:], binary.BigEndian.Uint64(wide[:])+d)
	copy(tail, wide[8-len(tail):])
}

// resigned makes the changed frame the liar's own statement, if it has a
// signature at its end.
func (m *mutator) resigned(frame []byte) []byte {
	if kind(frame) == consensus.TypeSnapshot {
		if u, err := wire.ReadSignedSnapshot(frame, m.Group()); err == nil {
			if s, ok := u.Value.(wire.SignedSnapshot); ok {
				return s.Snapshot.Sign(m.Group(), s.Replica, m.Signer()).Marshal()
			}
		}
	}
	if kind(frame) == wire.TypeReply {
		signature := m.Signer().Sign(consensus.ReceiptStatement(m.Group(), crypto.Digest(frame[1:33])))
		copy(frame[33:], signature[:])
		return frame
	}
	return m.forger.Resign(frame)
}
