package statemachine_test

import (
	"encoding/binary"
	"errors"
	"fmt"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/simsig"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/memory"
)

// script is an application whose operations name what it does, one byte each.
type script struct{}

var errRefused = errors.New("refused")

func (script) Apply(w statemachine.Writer, op []byte) ([]byte, error) {
	key, value := []byte(nil), []byte(nil)
	if len(op) > 1 {
		key = op[1:2]
		value = op[2:]
	}
	switch op[0] {
	case 's': // set
		w.Set(key, value)
	case 'd': // delete
		w.Delete(key)
	case 'r': // read
		v, _ := w.Read(key)
		return v, nil
	case '+': // count
		v, _ := w.Read(key)
		var n uint64
		if len(v) == 8 {
			n = binary.BigEndian.Uint64(v)
		}
		w.Set(key, binary.BigEndian.AppendUint64(nil, n+1))
		return binary.BigEndian.AppendUint64(nil, n+1), nil
	case 'e': // set twice, then refuse
		w.Set(key, value)
		w.Set(key, []byte("again"))
		w.Delete([]byte("z"))
		return nil, errRefused
	case 'p': // set, then panic
		w.Set(key, value)
		panic("write to a nil map")
	case 'i': // a runtime error while a scan is under way
		w.Set(key, value)
		w.Scan(nil, nil, func([]byte, []byte) bool { panic(op[len(op):][1]) })
	case 'R': // reads for ever, and hides the cut
		w.Set(key, value)
		func() {
			defer func() { _ = recover() }()
			for {
				w.Read([]byte("q"))
			}
		}()
	case 'w': // writes of many bytes
		for i := range int(op[1]) {
			w.Set([]byte{byte(i)}, make([]byte, 1000))
		}
	case 'b': // big result
		return make([]byte, int(binary.BigEndian.Uint32(op[1:]))), nil
	case 'k': // long key
		w.Set(make([]byte, int(binary.BigEndian.Uint32(op[1:]))), nil)
	case 'v': // long value
		w.Set([]byte("v"), make([]byte, int(binary.BigEndian.Uint32(op[1:]))))
	case 'l': // list
		var out []byte
		w.Scan(nil, nil, func(k, v []byte) bool { out = append(append(out, k...), v...); return true })
		return out, nil
	case 'L': // list the range from one key to another
		var out []byte
		w.Scan(key, value, func(k, v []byte) bool { out = append(append(out, k...), v...); return true })
		return out, nil
	case 'm': // use a buffer again
		w.Set(key, value)
		value[0]++
		clear(key)
	case 'c': // clear all while scanning, and write behind the scan
		n := 0
		w.Scan(nil, nil, func(k, _ []byte) bool {
			n++
			w.Delete(k)
			w.Set([]byte{0xff, byte(n)}, []byte("late"))
			return true
		})
		return []byte{byte(n)}, nil
	case 't':
		return fmt.Appendf(nil, "%d %d %s", w.Sequence(), w.Time(), w.Client()), nil
	}
	return nil, nil
}

func (s script) Query(r statemachine.Reader, op []byte) ([]byte, error) {
	switch op[0] {
	case 'r':
		v, _ := r.Read(op[1:])
		return v, nil
	case 'p':
		panic("query")
	case 'W': // tries to write
		_, ok := r.(statemachine.Writer)
		return fmt.Append(nil, ok), nil
	}
	return nil, errRefused
}

// A world is a group with clients, and a machine with its store.
type world struct {
	t       rapid.TB
	scheme  *simsig.Scheme
	group   *consensus.Group
	store   *memory.Store
	machine *statemachine.Machine
	app     statemachine.Application
	clients []crypto.Signer
	time    consensus.Time
	pending []*statemachine.Window // closed and not stored
}

func parameters() consensus.Parameters {
	p := consensus.DefaultParameters()
	p.CheckpointInterval, p.Window = 4, 16
	p.SessionWindow, p.SessionsPerClient = 8, 3
	return p
}

func newWorld(t rapid.TB, app statemachine.Application, p consensus.Parameters) *world {
	w := &world{t: t, scheme: simsig.New(), store: memory.New(), app: app}
	signer := func(a, b byte) crypto.Signer { return w.scheme.NewSigner(crypto.Seed{a, b}) }
	genesis := consensus.Genesis{Name: "g", Engine: "pbft", Faults: 1, Parameters: p}
	for i := range byte(4) {
		genesis.Replicas = append(genesis.Replicas, consensus.Member{
			Name: fmt.Sprint("r", i), Key: signer(1, i).Public(), Transport: signer(2, i).Public(),
		})
	}
	for i := range byte(10) { // the scheme knows the keys that may be enrolled later
		w.enrolment(i)
	}
	for i := range byte(3) { // client 0 is the only operator
		w.clients = append(w.clients, signer(3, i))
		genesis.Clients = append(genesis.Clients, w.enrolment(i))
	}
	var err error
	if w.group, err = consensus.NewGroup(genesis, w.scheme); err != nil {
		t.Fatal(err)
	}
	w.restart()
	return w
}

// enrolment returns the table entry of client i, whose keys are made if need be.
func (w *world) enrolment(i byte) consensus.Enrolment {
	return consensus.Enrolment{
		Name: fmt.Sprint("c", i), Operator: i == 0,
		Client:    consensus.ClientID(w.scheme.NewSigner(crypto.Seed{3, i}).Public()),
		Transport: w.scheme.NewSigner(crypto.Seed{4, i}).Public(),
	}
}

func (w *world) signer(i byte) crypto.Signer { return w.scheme.NewSigner(crypto.Seed{3, i}) }
func (w *world) id(i byte) consensus.ClientID {
	return consensus.ClientID(w.signer(i).Public())
}

// restart makes a new machine on the same store.
func (w *world) restart() {
	m, err := statemachine.NewMachine(w.app, w.group, w.store, statemachine.WithScheme(w.scheme))
	if err != nil {
		w.t.Fatal(err)
	}
	w.machine, w.pending = m, nil
}

// request signs operations of client i: session, timestamp, done, operations.
func (w *world) request(i byte, n, t, done uint64, ops ...string) *consensus.Request {
	r := consensus.Request{
		Kind: consensus.KindOperations, Session: consensus.SessionNumber(n),
		Timestamp: consensus.Timestamp(t), Done: consensus.Timestamp(done),
	}
	for _, op := range ops {
		r.Operations = append(r.Operations, []byte(op))
	}
	if t == 0 {
		r.Kind = consensus.KindOpenSession
	}
	return consensus.SignRequest(r, w.group.Domain(), w.signer(i))
}

func (w *world) admin(i byte, n, t uint64, ops ...[]byte) *consensus.Request {
	r := consensus.Request{
		Kind: consensus.KindAdmin, Session: consensus.SessionNumber(n), Timestamp: consensus.Timestamp(t), Operations: ops,
	}
	return consensus.SignRequest(r, w.group.Domain(), w.signer(i))
}

// execute executes the requests as the next batch.
func (w *world) execute(requests ...*consensus.Request) *statemachine.Execution {
	w.t.Helper()
	w.time += 1000
	b := consensus.NullBatch
	if len(requests) > 0 {
		b = consensus.NewBatch(w.time, requests)
	}
	x, err := w.machine.Execute(b, w.machine.Executed()+1)
	if err != nil {
		w.t.Fatal(err)
	}
	if x.Window != nil {
		w.pending = append(w.pending, x.Window)
	}
	return x
}

// flush stores the oldest window that is not stored yet.
func (w *world) flush() statemachine.Version {
	w.t.Helper()
	win := w.pending[0]
	w.pending = w.pending[1:]
	v, err := w.store.Next(win.Sequence)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Apply(win.Changes, statemachine.Marker{Version: v, Chain: win.Chain}); err != nil {
		w.t.Fatal(err)
	}
	return v
}

// checkpoint executes null batches until a window closes, and stores all.
func (w *world) checkpoint() {
	w.t.Helper()
	for w.execute().Window == nil {
	}
	w.flushAll()
}

func (w *world) flushAll() {
	w.t.Helper()
	for len(w.pending) > 0 {
		w.machine.Flushed(w.flush())
	}
}

// one executes one request and returns its results as text, class and value.
func (w *world) one(r *consensus.Request) string {
	w.t.Helper()
	return w.text(w.execute(r).Outcomes[0])
}

func (w *world) text(o statemachine.Outcome) string {
	w.t.Helper()
	if o.Results == nil {
		return "gone"
	}
	if consensus.ResultsDigest(o.Results) != o.Leaf.Results {
		w.t.Fatal("the leaf does not name the results")
	}
	results, ok := consensus.ReadResults(o.Results)
	if !ok {
		w.t.Fatal("results do not decode")
	}
	out := ""
	for i, r := range results {
		if i > 0 {
			out += ", "
		}
		out += fmt.Sprintf("%d:%s", r.Class, r.Value)
	}
	return out
}

func (w *world) want(got, want string) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("got %q, want %q", got, want)
	}
}

// query reads an application key of script.
func (w *world) query(key string) string {
	w.t.Helper()
	res, err := w.machine.Query([]byte("r" + key))
	if err != nil || res.Class != consensus.ResultOK {
		w.t.Fatalf("query: %v %v", res, err)
	}
	return string(res.Value)
}

func u32(n int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }
