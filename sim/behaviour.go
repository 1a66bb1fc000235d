package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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

// A Deviator is a Behaviour that counts how often it departed from what is right.
type Deviator interface{ Deviated() int }

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
	if uint64(to) < uint64(len(f.world.replicas)) {
		f.world.noteAltered(int(f.replica.id), int(to), nil, frame)
		f.world.carry(int(f.replica.id), int(to), frame)
	}
}

// Reply sends a frame to a client, past the core.
func (f *Faulty) Reply(client int, frame []byte) {
	f.world.noteAltered(int(f.replica.id), len(f.world.replicas)+client, nil, frame)
	f.world.carry(int(f.replica.id), len(f.world.replicas)+client, frame)
}

// Hoard keeps every version of the state from being given back.
func (f *Faulty) Hoard() { f.replica.hoards = true }

// Later does something after a while, whether or not the core is up by then.
func (f *Faulty) Later(d time.Duration, do func()) { f.world.after(d, do) }

// Status returns where the core of the faulty replica stands.
func (f *Faulty) Status() core.Status { return f.replica.core.Status() }

// Batch returns a batch that the core holds in full, by its digest.
func (f *Faulty) Batch(digest crypto.Digest) (*consensus.Batch, bool) {
	return f.replica.engine.Batch(digest)
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

// A ClientBehaviour is what a faulty client makes of what its session says. Any
// number of clients may have one.
type ClientBehaviour interface {
	// Say is asked for each receiver of each frame, and returns what leaves.
	Say(to consensus.ReplicaID, frame []byte) [][]byte

	// Tick is called every now and then, and may use FaultyClient.Send.
	Tick()
}

// FaultyClient is what the behaviour of a client has at hand.
type FaultyClient struct {
	world  *World
	client *Client
}

// World returns the world, for its clock and its source of chance.
func (f *FaultyClient) World() *World { return f.world }

// Group returns the group.
func (f *FaultyClient) Group() *consensus.Group { return f.world.group }

// Self returns the index of the faulty client.
func (f *FaultyClient) Self() int { return f.client.index }

// Signer returns the key of the faulty client.
func (f *FaultyClient) Signer() crypto.Signer { return f.client.signer }

// Send sends a frame to a replica, past the session.
func (f *FaultyClient) Send(to consensus.ReplicaID, frame []byte) {
	if uint64(to) < uint64(len(f.world.replicas)) {
		f.world.noteAltered(len(f.world.replicas)+f.client.index, int(to), nil, frame)
		f.world.carry(len(f.world.replicas)+f.client.index, int(to), frame)
	}
}

// CorruptClient makes a client faulty from now on.
func (w *World) CorruptClient(i int, make func(*FaultyClient) ClientBehaviour) {
	c := w.clients[i]
	c.behaviour = make(&FaultyClient{world: w, client: c})
	c.tickFaulty()
}

var (
	behaviours       = map[string]func(*Faulty) Behaviour{}
	clientBehaviours = map[string]func(*FaultyClient) ClientBehaviour{}
)

// RegisterBehaviour makes a behaviour of replicas known under a name of small
// letters, digits and "-", for plans and the command line. It is called from init
// functions; a later one of the same name replaces an earlier one.
func RegisterBehaviour(name string, make func(*Faulty) Behaviour) { behaviours[name] = make }

// RegisterClientBehaviour does the same for behaviours of clients.
func RegisterClientBehaviour(name string, make func(*FaultyClient) ClientBehaviour) {
	clientBehaviours[name] = make
}

// BehaviourNames returns the names of all registered behaviours of replicas.
func BehaviourNames() []string { return slices.Sorted(maps.Keys(behaviours)) }

// ClientBehaviourNames returns the names of all registered behaviours of clients.
func ClientBehaviourNames() []string { return slices.Sorted(maps.Keys(clientBehaviours)) }

// CheckBehaviour says what is wrong with a name for CorruptAs.
func CheckBehaviour(names string) error {
	for name := range strings.SplitSeq(names, "+") {
		if _, ok := behaviours[name]; !ok {
			return fmt.Errorf("no behaviour is called %q; there are %s", name, strings.Join(BehaviourNames(), ", "))
		}
	}
	return nil
}

// CorruptAs makes a replica faulty in one or several registered ways, joined by
// "+": what the first one lets out passes through the second, and so on.
func (w *World) CorruptAs(i int, names string) error {
	if err := CheckBehaviour(names); err != nil {
		return err
	}
	var all chain
	f := &Faulty{world: w, replica: w.replicas[i]}
	for name := range strings.SplitSeq(names, "+") {
		all = append(all, behaviours[name](f))
	}
	w.replicas[i].behaviour = all
	return nil
}

// CorruptClientAs makes a client faulty in a registered way.
func (w *World) CorruptClientAs(i int, name string) error {
	make, ok := clientBehaviours[name]
	if !ok {
		return fmt.Errorf("no behaviour of clients %q; there are %s", name, strings.Join(ClientBehaviourNames(), ", "))
	}
	w.CorruptClient(i, make)
	return nil
}

// A chain is several behaviours in one replica.
type chain []Behaviour

func (c chain) pass(frame []byte, through func(Behaviour, []byte) [][]byte) [][]byte {
	frames := [][]byte{frame}
	for _, b := range c {
		var next [][]byte
		for _, f := range frames {
			next = append(next, through(b, f)...)
		}
		frames = next
	}
	return frames
}

// Say implements Behaviour.
func (c chain) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	return c.pass(frame, func(b Behaviour, f []byte) [][]byte { return b.Say(to, f) })
}

// Answer implements Behaviour.
func (c chain) Answer(client int, frame []byte) [][]byte {
	return c.pass(frame, func(b Behaviour, f []byte) [][]byte { return b.Answer(client, f) })
}

// Tick implements Behaviour.
func (c chain) Tick() {
	for _, b := range c {
		b.Tick()
	}
}

// Hear implements Listener.
func (c chain) Hear(from int, client bool, frame []byte) bool {
	pass := true
	for _, b := range c {
		if l, ok := b.(Listener); ok && !l.Hear(from, client, frame) {
			pass = false
		}
	}
	return pass
}
