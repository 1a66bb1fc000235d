package statemachine

import (
	"errors"
	"fmt"
	"math"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// A Machine executes the batches of one group on one state. It is used by one
// goroutine.
//
// Its memory is bounded by the windows that are not flushed yet, each of at most
// CheckpointInterval times the write limit of a batch (R125), and by the client
// table: ClientsMax x SessionsPerClient x (SessionWindow x 128 B +
// SessionBytesMax).
type Machine struct {
	application Application
	group       *consensus.Group
	limits      *consensus.Parameters
	scheme      crypto.Scheme
	store       Store
	onPanic     func(value any)

	meta    meta
	chain   crypto.Digest
	overlay overlay
	clients *clientTable
	touched []*session
	budget  budget
	results []consensus.Result // of the request under execution
	key     []byte             // a full key that is looked up or copied
	panics  int                // of the present batch that were reported
	failed  error
}

// A budget is what the operations of one batch may still put out together, so
// that no batch exhausts memory (R111), and read, so that none takes minutes (R33).
type budget struct {
	results, writes, reads uint64
	request                uint64 // reads left to the request under execution
}

// An Option sets what few users of a Machine need.
type Option func(*Machine)

// WithScheme sets the signature scheme whose CheckKey decides which keys may be
// enrolled. All replicas of a group have the same; without it, it is
// crypto.Ed25519.
func WithScheme(s crypto.Scheme) Option { return func(m *Machine) { m.scheme = s } }

// WithPanic sets what is called when an operation panics, for the operator's log
// only (R110): with the value of the panic, while the stack still shows where it
// came from, on the machine's goroutine. It is called a few times for each batch
// at most.
func WithPanic(report func(value any)) Option { return func(m *Machine) { m.onPanic = report } }

// NewMachine returns a machine that goes on where the store's marker stands. To a
// new store it writes the genesis state first. It fails if the store belongs to
// another group or was written under other rules of execution, and with ErrOrigin
// if it is new and the group begins with the state of another one.
func NewMachine(app Application, g *consensus.Group, store Store, options ...Option) (*Machine, error) {
	m := &Machine{application: app, group: g, limits: &g.Genesis.Parameters, scheme: crypto.Ed25519, store: store}
	for _, o := range options {
		o(m)
	}
	marker, err := store.Marker()
	if err != nil {
		return nil, fmt.Errorf("read the marker of the state: %w", err)
	}
	if marker == (Marker{}) {
		if g.Genesis.Origin.Given() {
			return nil, ErrOrigin
		}
		changes, first := Genesis(g)
		if err := store.Apply(changes, first); err != nil {
			return nil, fmt.Errorf("store the genesis state: %w", err)
		}
	}
	if err := m.Reload(); err != nil {
		return nil, err
	}
	return m, nil
}

// Reload forgets everything that is not in the store, and goes on where its marker
// stands now: after a state transfer changed it (R95), or repaired what an earlier
// error came from. An error is final until then.
func (m *Machine) Reload() error {
	m.failed = nil
	if err := m.load(); err != nil {
		m.fail(err)
		return m.failed
	}
	return nil
}

func (m *Machine) load() error {
	marker, err := m.store.Marker()
	if err != nil {
		return fmt.Errorf("read the marker of the state: %w", err)
	}
	value, found, err := m.store.Read([]byte(metaKey), marker.Version)
	if err != nil {
		return fmt.Errorf("read the state at version %d: %w", marker.Version, err)
	}
	loaded, ok := readMeta(value)
	switch {
	case !found || !ok || loaded.sequence != marker.Version.Sequence():
		return fmt.Errorf("%w: no meta entry for version %d: repair this replica from the others", ErrRot, marker.Version)
	case loaded.group != m.group.ID || loaded.epoch != m.group.Epoch:
		return fmt.Errorf("the state belongs to group %s epoch %d, not %s epoch %d: check data directory and group file",
			loaded.group.Short(), loaded.epoch, m.group.ID.Short(), m.group.Epoch)
	case loaded.version != ExecutionVersion:
		return fmt.Errorf("the state was written by execution version %d, this is %d: use the version that the group runs",
			loaded.version, ExecutionVersion)
	}
	clients := newClientTable(m.group)
	if err := clients.load(m.store, marker.Version, m.limits); err != nil {
		return fmt.Errorf("load the client table: %w", err)
	}
	m.meta, m.chain, m.clients = loaded, marker.Chain, clients
	m.overlay = newOverlay(m.store, marker.Version)
	m.touched = nil
	return nil
}

// ErrOrder says that a batch was given out of sequence order (R40). Nothing
// changed.
var ErrOrder = errors.New("statemachine: batch out of sequence order")

// Execute executes the batch at sequence number s, which is Executed()+1, with
// all its requests present. The result depends only on the state and the
// arguments. An error other than ErrOrder comes from the store and is final: the
// state is undefined, and every later call fails with it (R121).
func (m *Machine) Execute(b *consensus.Batch, s consensus.Sequence) (*Execution, error) {
	switch {
	case m.failed != nil:
		return nil, m.failed
	case s != m.meta.sequence+1:
		return nil, fmt.Errorf("%w: %d after %d", ErrOrder, s, m.meta.sequence)
	}
	m.meta.sequence, m.panics = s, 0
	if !b.Null() {
		m.meta.time = nextTime(m.meta.time, b.Content.Time)
	}
	m.budget = budget{results: m.limits.BatchResultsBytesMax(), writes: m.limits.BatchWritesBytesMax(), reads: m.limits.BatchReadsMax()}
	x := &Execution{Sequence: s, Time: m.meta.time, Outcomes: make([]Outcome, len(b.Requests))}
	leaves := make([]crypto.Digest, len(b.Requests))
	for i, r := range b.Requests {
		x.Outcomes[i] = m.request(r, x)
		if m.failed != nil {
			return nil, m.failed
		}
		leaves[i] = x.Outcomes[i].Leaf.Hash()
	}
	x.Tree = crypto.NewMerkleTree(leaves)
	x.Root = x.Tree.Root()
	m.meta.history = nextHistory(m.meta.history, s, b.Digest, x.Root)
	x.History = m.meta.history
	if uint64(s)%m.limits.CheckpointInterval == 0 {
		x.Window = m.closeWindow()
	}
	return x, nil
}

// nextTime returns the agreed time of a batch (R37). At the end of time it stands
// still.
func nextTime(previous, proposed consensus.Time) consensus.Time {
	if previous == math.MaxInt64 {
		return previous
	}
	return max(previous+1, proposed)
}

// closeWindow writes the framework's part of the state and extends the chain
// (R49).
func (m *Machine) closeWindow() *Window {
	for _, s := range m.touched {
		s.dirty = false
		if !s.evicted {
			m.overlay.put(sessionKey(s.client, s.number), cell{value: s.marshal()})
		}
	}
	clear(m.touched)
	m.touched = m.touched[:0]
	m.overlay.put(metaKey, cell{value: m.meta.marshal()})
	m.overlay.keep()
	w := &Window{Sequence: m.meta.sequence, Changes: m.overlay.close(m.meta.sequence)}
	m.chain = NextChain(m.chain, w.Sequence, WriteSetDigest(w.Changes))
	w.Chain = m.chain
	return w
}

// fail makes the machine unusable. Only the first error is kept: later ones follow
// from it.
func (m *Machine) fail(err error) {
	if m.failed == nil {
		m.failed = fmt.Errorf("state machine stopped at %d: %w", m.meta.sequence, err)
	}
}

// Flushed says that the store holds the windows up to v durably, under its marker:
// they are read from there from now on. v is at most the last closed window's. It
// has no influence on any result.
func (m *Machine) Flushed(v Version) {
	if m.failed != nil || v <= m.overlay.at {
		return
	}
	if s := v.Sequence(); s > m.meta.sequence || uint64(s)%m.limits.CheckpointInterval != 0 {
		panic(fmt.Sprintf("statemachine: version %d flushed, but only %d was executed", v, m.meta.sequence))
	}
	m.overlay.flushed(v)
}

// Executed returns the sequence number of the last executed batch.
func (m *Machine) Executed() consensus.Sequence { return m.meta.sequence }

// History returns the chained hash over everything executed, results included.
func (m *Machine) History() crypto.Digest { return m.meta.history }

// Chain returns the write-set chain after the last closed window.
func (m *Machine) Chain() crypto.Digest { return m.chain }

// Time returns the agreed time of the last batch.
func (m *Machine) Time() consensus.Time { return m.meta.time }

// Enrolled returns the entry of a client in the table in force.
func (m *Machine) Enrolled(id consensus.ClientID) (consensus.Enrolment, bool) {
	c := m.clients.clients[id]
	if c == nil {
		return consensus.Enrolment{}, false
	}
	return c.enrolment, true
}

// Enrolments returns the table in force, by client key. The caller owns it.
func (m *Machine) Enrolments() []consensus.Enrolment {
	out := make([]consensus.Enrolment, len(m.clients.order))
	for i, id := range m.clients.order {
		out[i] = m.clients.clients[id].enrolment
	}
	return out
}
