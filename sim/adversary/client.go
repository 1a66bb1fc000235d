package adversary

import (
	"math"
	"slices"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/sim"
)

// A fool is a faulty client: it says what a correct one would, and has the means
// to lie.
type fool struct {
	*sim.FaultyClient
	count int
}

// Say implements sim.ClientBehaviour.
func (f *fool) Say(_ consensus.ReplicaID, frame []byte) [][]byte { return [][]byte{frame} }

// Tick implements sim.ClientBehaviour.
func (f *fool) Tick() {}

func (f *fool) lies() int { return f.count }

// trick is a behaviour of a client that counts what it did.
type trick interface {
	sim.ClientBehaviour
	lies() int
}

// A clientEntry is one behaviour of clients. What its start returns is shared by
// all clients that are made by it.
type clientEntry struct {
	name  string
	start func() func(fool) trick
}

func alone(make func(fool) trick) func() func(fool) trick {
	return func() func(fool) trick { return make }
}

var clientRegistry = []clientEntry{
	{"client-equivocate", alone(newTwoTongued)},
	{"client-subset", alone(newWhisperer)},
	{"client-unsigned", alone(newScribbler)},
	{"client-jump", alone(newJumper)},
	{"client-wild", alone(newWild)},
	{"client-repeat", alone(newRepeater)},
	{"client-flood", alone(newDrencher)},
	{"client-collude", colluding},
}

// ClientNames returns the names of all behaviours of clients, always in the same
// order.
func ClientNames() []string {
	list := make([]string, len(clientRegistry))
	for i := range clientRegistry {
		list[i] = clientRegistry[i].name
	}
	return list
}

// NewClient returns what makes a behaviour of clients, for
// sim.World.CorruptClient; nil if there is none of that name. Clients that one
// result made collude, where the behaviour provides for it.
func NewClient(name string) func(*sim.FaultyClient) sim.ClientBehaviour {
	for _, e := range clientRegistry {
		if e.name == name {
			make := e.start()
			return func(f *sim.FaultyClient) sim.ClientBehaviour { return make(fool{FaultyClient: f}) }
		}
	}
	return nil
}

// ClientDeviations returns how often a behaviour of a client of this package has
// departed from what is right.
func ClientDeviations(b sim.ClientBehaviour) int {
	if t, ok := b.(trick); ok {
		return t.lies()
	}
	return 0
}

// read decodes a request without checking its signature.
func (f *fool) read(frame []byte) (*consensus.Request, bool) {
	if kind(frame) != consensus.TypeRequest {
		return nil, false
	}
	r, err := consensus.DecodeRequest(frame[1:], f.Group())
	return r.Value, err == nil
}

func (f *fool) sign(r consensus.Request) []byte {
	return wire.RequestFrame(consensus.SignRequest(r, f.Group().Domain(), f.Signer()))
}

func (f *fool) random(n int) int { return f.World().Random().IntN(n) }

func (f *fool) tell(frame []byte) {
	f.count++
	for i := range f.Group().N {
		f.Send(consensus.ReplicaID(i), frame)
	}
}

// A two-tongued client asks one half of the group for one thing and the other for
// another, under one timestamp (R25).
type twoTongued struct{ fool }

func newTwoTongued(f fool) trick { return &twoTongued{f} }

// Say implements sim.ClientBehaviour.
func (t *twoTongued) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	r, ok := t.read(frame)
	if !ok || len(r.Operations) == 0 || !odd(to) {
		return [][]byte{frame}
	}
	other := *r
	other.Operations = append([][]byte{[]byte("another operation")}, r.Operations[1:]...)
	t.count++
	return [][]byte{t.sign(other)}
}

// A whisperer gives its requests to f replicas only (R21, R30).
type whisperer struct{ fool }

func newWhisperer(f fool) trick { return &whisperer{f} }

// Say implements sim.ClientBehaviour.
func (w *whisperer) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	if int(to) < w.Group().F {
		return [][]byte{frame}
	}
	w.count++
	return nil
}

// A scribbler signs badly for half of the group (R10, R20).
type scribbler struct{ fool }

func newScribbler(f fool) trick { return &scribbler{f} }

// Say implements sim.ClientBehaviour.
func (s *scribbler) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	if !odd(to) {
		return [][]byte{frame}
	}
	s.count++
	out := append([]byte(nil), frame...)
	out[len(out)-1-s.random(crypto.SignatureSize)]++
	return [][]byte{out}
}

// A jumper uses timestamps and sessions at the end of their range (R26).
type jumper struct{ fool }

func newJumper(f fool) trick { return &jumper{f} }

// Tick implements sim.ClientBehaviour.
func (j *jumper) Tick() {
	r := consensus.Request{Kind: consensus.KindOperations, Session: 1, Operations: [][]byte{[]byte("far ahead")}}
	r.Timestamp = math.MaxUint64 - consensus.Timestamp(j.random(2))
	if j.random(2) == 0 {
		r.Done = r.Timestamp - 1
	}
	j.tell(j.sign(r))
}

// A wild client sends requests of every kind, with numbers at random: sessions
// that were never opened, nothing to do, administration without being an operator
// (R26, R31, R34).
type wild struct{ fool }

func newWild(f fool) trick { return &wild{f} }

// Tick implements sim.ClientBehaviour.
func (w *wild) Tick() {
	r := consensus.Request{
		Kind:    consensus.RequestKind(w.random(5)),
		Session: consensus.SessionNumber(w.random(4)), Timestamp: consensus.Timestamp(w.random(8)), Done: consensus.Timestamp(w.random(8)),
	}
	for range w.random(3) {
		r.Operations = append(r.Operations, []byte{byte(w.random(256)), byte(w.random(256)), 0})
	}
	w.tell(w.sign(r))
}

// A repeater sends its old requests again, for ever (R31).
type repeater struct {
	fool
	frames [][]byte
}

func newRepeater(f fool) trick { return &repeater{fool: f} }

// Say implements sim.ClientBehaviour.
func (r *repeater) Say(_ consensus.ReplicaID, frame []byte) [][]byte {
	if len(r.frames) < memoryMax {
		r.frames = append(r.frames, frame)
	}
	return [][]byte{frame}
}

// Tick implements sim.ClientBehaviour.
func (r *repeater) Tick() {
	for range min(8, len(r.frames)) {
		r.tell(r.frames[r.random(len(r.frames))])
	}
}

// A drencher sends more requests than it may have, in and out of its window (R31,
// R33).
type drencher struct {
	fool
	next consensus.Timestamp
}

func newDrencher(f fool) trick { return &drencher{fool: f, next: 100} }

// Tick implements sim.ClientBehaviour.
func (d *drencher) Tick() {
	for range 16 {
		d.next++
		d.tell(d.sign(consensus.Request{
			Kind: consensus.KindOperations, Session: 1, Timestamp: d.next, Operations: [][]byte{make([]byte, 1+d.random(512))},
		}))
	}
}

// A colluder sends the requests of the other colluders as its own, in the place
// of half of its own, and gives the rest away (R29, R31).
type colluder struct {
	fool
	pool *[][]byte
}

func colluding() func(fool) trick {
	pool := &[][]byte{}
	return func(f fool) trick { return &colluder{f, pool} }
}

// Say implements sim.ClientBehaviour.
func (c *colluder) Say(to consensus.ReplicaID, frame []byte) [][]byte {
	*c.pool = append(*c.pool, frame)
	if len(*c.pool) > memoryMax {
		*c.pool = slices.Delete(*c.pool, 0, memoryMax/2)
	}
	if !odd(to) {
		return [][]byte{frame}
	}
	c.count++
	return [][]byte{(*c.pool)[c.random(len(*c.pool))]}
}

// Tick implements sim.ClientBehaviour.
func (c *colluder) Tick() {
	if len(*c.pool) > 0 {
		c.tell((*c.pool)[c.random(len(*c.pool))])
	}
}
