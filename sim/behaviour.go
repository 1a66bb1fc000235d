package sim

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/replica/core"
)

// A Behaviour is what a faulty replica makes of what its core says. The core
// itself is a production core with its own log, which believes that it is
// correct; the behaviour stands between it and the others, and holds its key.
// At most f replicas may have one in a run that has to stay safe and live.
type Behaviour interface {
	// Say is asked for each receiver of each frame that may leave, and returns what
	// leaves in its place: nothing, the frame itself, or anything else.
	Say(to consensus.ReplicaID, frame []byte) [][]byte

	// Answer is the same for a frame to a client.
	Answer(client int, frame []byte) [][]byte

	// Tick is called at every tick, and may use Faulty.Send.
	Tick()
}

// Faulty is what a behaviour has at hand: the key of its own replica and no
// other, and all that its core sees.
type Faulty struct {
	world   *World
	replica *Replica
}

// World returns the world, for its clock and its source of chance.
func (f *Faulty) World() *World { return f.world }

// Group returns the group.
func (f *Faulty) Group() *consensus.Group { return f.world.group }

// Self returns the id of the faulty replica.
func (f *Faulty) Self() consensus.ReplicaID { return f.replica.id }

// Signer returns the key of the faulty replica.
func (f *Faulty) Signer() crypto.Signer { return f.replica.signer }

// Send sends a frame to another replica, past the core.
func (f *Faulty) Send(to consensus.ReplicaID, frame []byte) {
	f.world.carry(party{index: int(f.replica.id)}, party{index: int(to)}, frame)
}

// Corrupt makes a replica faulty from now on.
func (w *World) Corrupt(i int, make func(*Faulty) Behaviour) {
	r := w.replicas[i]
	r.behaviour = make(&Faulty{world: w, replica: r})
}

// correct reports whether a replica is to be believed by the checkers.
func (w *World) correct(id consensus.ReplicaID) bool {
	return uint64(id) < uint64(len(w.replicas)) && w.replicas[id].behaviour == nil
}

// Honest is a Behaviour that says what its core says. Others embed it and change
// what they have to.
type Honest struct{}

// Say implements Behaviour.
func (Honest) Say(_ consensus.ReplicaID, frame []byte) [][]byte { return [][]byte{frame} }

// Answer implements Behaviour.
func (Honest) Answer(_ int, frame []byte) [][]byte { return [][]byte{frame} }

// Tick implements Behaviour.
func (Honest) Tick() {}

// A Listener is a Behaviour that also chooses what its core hears.
type Listener interface {
	// Hear reports whether a frame from a replica, or from a client, reaches the
	// core.
	Hear(from int, client bool, frame []byte) bool
}

func (r *Replica) hears(from int, client bool, frame []byte) bool {
	l, ok := r.behaviour.(Listener)
	return !ok || l.Hear(from, client, frame)
}

// Later does something after a while, whether or not the core is up by then.
func (f *Faulty) Later(d time.Duration, do func()) { f.world.after(d, do) }

// Reply sends a frame to a client, past the core.
func (f *Faulty) Reply(client int, frame []byte) {
	f.world.carry(party{index: int(f.replica.id)}, party{client: true, index: client}, frame)
}

// Status returns where the core of the faulty replica stands.
func (f *Faulty) Status() core.Status { return f.replica.core.Status() }

// Batch returns a batch that the core holds in full, by its digest.
func (f *Faulty) Batch(digest crypto.Digest) (*consensus.Batch, bool) {
	return f.replica.engine.Batch(digest)
}
