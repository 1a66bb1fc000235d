package adversary

import (
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/sim"
)

// A lie is a behaviour that also chooses what its core hears and counts what it
// did.
type lie interface {
	sim.Behaviour
	sim.Listener
	lies() int
}

// A stage is what a lie stands on: it says, answers and hears what a correct
// replica would, and has the means to forge.
type stage struct {
	*sim.Faulty
	forger pbft.Forger
	codec  consensus.Codec
	count  int
}

func newStage(f *sim.Faulty) stage {
	return stage{
		Faulty: f, codec: pbft.NewCodec(f.Group()),
		forger: pbft.Forger{Group: f.Group(), Self: f.Self(), Signer: f.Signer()},
	}
}

// Say implements sim.Behaviour.
func (s *stage) Say(_ consensus.ReplicaID, frame []byte) [][]byte { return [][]byte{frame} }

// Answer implements sim.Behaviour.
func (s *stage) Answer(_ int, frame []byte) [][]byte { return [][]byte{frame} }

// Hear implements sim.Listener.
func (s *stage) Hear(int, bool, []byte) bool { return true }

// Tick implements sim.Behaviour.
func (s *stage) Tick() {}

func (s *stage) lies() int { return s.count }

// instead counts a lie and says it in the place of a frame.
func (s *stage) instead(frames ...[]byte) [][]byte {
	s.count++
	return frames
}

// others calls do for every other replica.
func (s *stage) others(do func(to consensus.ReplicaID)) {
	for i := range s.Group().N {
		if to := consensus.ReplicaID(i); to != s.Self() {
			do(to)
		}
	}
}

// tell counts a lie and sends it to everyone.
func (s *stage) tell(frame []byte) {
	s.count++
	s.others(func(to consensus.ReplicaID) { s.Send(to, frame) })
}

// random draws a number below n from the world.
func (s *stage) random(n int) int { return s.World().Random().IntN(n) }

// odd splits the group: it reports in which half a replica is.
func odd(to consensus.ReplicaID) bool { return to%2 == 1 }

// read decodes a frame of the engine without checking any signature; nil if it is
// none.
func (s *stage) read(frame []byte) consensus.Message {
	u, err := s.codec.Decode(frame, consensus.Hint{})
	if err != nil {
		return nil
	}
	return u.Value
}

// proposal returns an own PRE-PREPARE with its content.
func (s *stage) proposal(frame []byte) (*pbft.PrePrepare, bool) {
	if kind(frame) != pbft.TypePrePrepare {
		return nil, false
	}
	p, ok := s.read(frame).(*pbft.PrePrepare)
	return p, ok && p.Signer == s.Self() && p.Content != nil
}

// kind is the type of a frame.
func kind(frame []byte) consensus.MessageType {
	if len(frame) == 0 {
		return 0
	}
	return consensus.MessageType(frame[0])
}
