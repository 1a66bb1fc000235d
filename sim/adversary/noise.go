package adversary

import "github.com/varangian-bft/varangian/consensus"

// A mute replica says nothing to anyone and hears everything (R120).
type mute struct{ stage }

func newMute(s stage) lie { return &mute{s} }

// Say implements sim.Behaviour.
func (m *mute) Say(consensus.ReplicaID, []byte) [][]byte { return m.instead() }

// Answer implements sim.Behaviour.
func (m *mute) Answer(int, []byte) [][]byte { return m.instead() }

// A bit flipper damages every third frame and signs nothing anew, so that it
// decodes to something else or not at all, and its signature does not hold (R8,
// R16).
type bitFlipper struct{ stage }

func newBitFlipper(s stage) lie { return &bitFlipper{s} }

// Say implements sim.Behaviour.
func (b *bitFlipper) Say(_ consensus.ReplicaID, frame []byte) [][]byte { return b.damaged(frame) }

// Answer implements sim.Behaviour.
func (b *bitFlipper) Answer(_ int, frame []byte) [][]byte { return b.damaged(frame) }

func (b *bitFlipper) damaged(frame []byte) [][]byte {
	if len(frame) == 0 || b.random(3) > 0 {
		return [][]byte{frame}
	}
	out := append([]byte(nil), frame...)
	out[b.random(len(out))] ^= 1 << b.random(8)
	return b.instead(out)
}

// A two-faced replica is correct towards one half of the group, and silent and
// deaf towards the other. The halves change places (R45, R120).
type twoFaced struct {
	stage
	ticks int
}

func newTwoFaced(s stage) lie { return &twoFaced{stage: s} }

// faceTicks is for how many ticks a two-faced replica keeps a face.
const faceTicks = 100

func (t *twoFaced) shuns(to consensus.ReplicaID) bool { return odd(to) == (t.ticks/faceTicks%2 == 0) }

// Say implements sim.Behaviour.
func (t *twoFaced) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	if t.shuns(to) {
		return t.instead()
	}
	return [][]byte{frame}
}

// Hear implements sim.Listener.
func (t *twoFaced) Hear(from int, client bool, _ []byte) bool {
	return client || !t.shuns(consensus.ReplicaID(from))
}

// Tick implements sim.Behaviour.
func (t *twoFaced) Tick() { t.ticks++ }
