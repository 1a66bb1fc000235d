package sim

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine"
)

// An Option changes what Check does.
type Option func(*checking)

type checking struct {
	seed      uint64
	schedules int
	clients   int
}

// Seeds sets the first seed and how many schedules Check runs: 1 and 20 without
// it.
func Seeds(first uint64, count int) Option {
	return func(c *checking) { c.seed, c.schedules = first, count }
}

// Clients sets how many clients share the workload; 3 without it.
func Clients(n int) Option { return func(c *checking) { c.clients = n } }

// A User is a client for which a workload draws operations, with the source of
// chance to draw them from.
type User struct {
	*rand.Rand
	Index   int                  // of the client
	Clients []consensus.ClientID // all of them, by index
}

// Check puts an application through simulated schedules with crashes, losses, cuts,
// pauses and lying replicas, and fails the test if a replica departs from the
// others. app makes the application of one replica; it is called anew at each of
// its starts. workload draws the operations of one client from its User's
// source of chance.
//
// Each operation is executed by every replica, and again after restarts, in one
// process: an application that depends on the order of a map, a clock, a random
// source or memory of its own gives itself away, and Check names the operation and
// the result or the key where two executions parted (R109).
//
//	func TestLedger(t *testing.T) {
//		sim.Check(t, ledger.New, func(u sim.User) [][]byte {
//			to := u.Clients[u.IntN(len(u.Clients))]
//			return [][]byte{ledger.Open(100), ledger.Transfer(to, u.Uint64N(10))}
//		})
//	}
func Check(t testing.TB, app func() statemachine.Application, workload func(User) [][]byte, options ...Option) {
	t.Helper()
	c := checking{seed: 1, schedules: 20, clients: 3}
	for _, o := range options {
		o(&c)
	}
	for i := range c.schedules {
		seed := c.seed + uint64(i)
		if b := c.run(seed, app, workload); b != nil {
			t.Errorf("%s: %s (seed %d, after %v simulated)", b.Invariant, b.Detail, seed, b.At)
			return
		}
	}
}

func (c *checking) run(seed uint64, app func() statemachine.Application, workload func(User) [][]byte) *Broken {
	p := Schedule(seed, Wishes{Replicas: 4})
	p.Clients, p.Faults, p.Real = c.clients, onlyReplicas(&p), false
	p.Steps = withoutClients(&p)
	p.Load.Removals = 0
	p.Load.Pause = min(p.Load.Pause, 200*time.Millisecond)
	a := &audit{}
	report := runWith(p, func() statemachine.Application { return &audited{Application: app(), audit: a} }, nil, func(w *World, client int) [][]byte {
		u := User{Rand: w.cfg.stream(streamWorkload, client), Index: client}
		for _, c := range w.clients {
			u.Clients = append(u.Clients, consensus.ClientID(c.signer.Public()))
		}
		return workload(u)
	})
	if a.parted != nil {
		a.parted.Seed, a.parted.At = seed, report.Virtual
		return a.parted
	}
	return report.Broken
}

// onlyReplicas and withoutClients leave out what names clients: the plan was drawn
// for another number of them.
func onlyReplicas(p *Plan) (list []Fault) {
	for _, f := range p.Faults {
		if f.Party < p.Replicas {
			list = append(list, f)
		}
	}
	return list
}

func withoutClients(p *Plan) (list []Step) {
	replicas := func(parties []int) (out []int) {
		for _, i := range parties {
			if i < p.Replicas {
				out = append(out, i)
			}
		}
		return out
	}
	for _, s := range p.Steps {
		s.From, s.To = replicas(s.From), replicas(s.To)
		list = append(list, s)
	}
	return list
}

// An audit compares what executions of one operation on several replicas did.
type audit struct {
	first  map[place]*applied
	parted *Broken
}

// A place is where an operation stands in the agreed history.
type place struct {
	sequence consensus.Sequence
	index    int
}

// applied is what one execution of an operation did.
type applied struct {
	op, result []byte
	failed     string
	writes     []write
}

type write struct {
	key, value []byte
	deleted    bool
}

// compare keeps the first execution at a place and holds later ones against it.
func (a *audit) compare(at place, x *applied) {
	if a.first == nil {
		a.first = map[place]*applied{}
	}
	old, ok := a.first[at]
	if !ok {
		a.first[at] = x
		return
	}
	if difference := x.differs(old); difference != "" && a.parted == nil {
		a.parted = &Broken{Invariant: "not deterministic", Detail: fmt.Sprintf("operation %d of batch %d, %q, was executed twice and %s",
			at.index, at.sequence, x.op, difference)}
	}
}

func (a *applied) differs(o *applied) string {
	for i := range min(len(a.writes), len(o.writes)) {
		x, y := a.writes[i], o.writes[i]
		switch {
		case !bytes.Equal(x.key, y.key):
			return fmt.Sprintf("wrote key %q once where it wrote key %q the other time (write %d)", x.key, y.key, i+1)
		case x.deleted != y.deleted || !bytes.Equal(x.value, y.value):
			return fmt.Sprintf("wrote %s and %s under key %q", x.text(), y.text(), x.key)
		}
	}
	switch {
	case len(a.writes) > len(o.writes):
		return fmt.Sprintf("wrote key %q only once", a.writes[len(o.writes)].key)
	case len(a.writes) < len(o.writes):
		return fmt.Sprintf("wrote key %q only once", o.writes[len(a.writes)].key)
	case a.failed != o.failed:
		return fmt.Sprintf("failed with %q and %q", a.failed, o.failed)
	case !bytes.Equal(a.result, o.result):
		return fmt.Sprintf("answered %q and %q", a.result, o.result)
	}
	return ""
}

func (w write) text() string {
	if w.deleted {
		return "nothing"
	}
	return fmt.Sprintf("%q", w.value)
}

// audited is an application whose executions are compared.
type audited struct {
	statemachine.Application
	audit *audit
	last  place
}

// Apply implements statemachine.Application.
func (a *audited) Apply(w statemachine.Writer, op []byte) ([]byte, error) {
	if s := w.Sequence(); s != a.last.sequence {
		a.last = place{sequence: s}
	}
	a.last.index++
	x := &applied{op: bytes.Clone(op)}
	result, err := a.Application.Apply(&recorder{Writer: w, to: x}, op)
	x.result = bytes.Clone(result)
	if err != nil {
		x.failed = err.Error()
	}
	a.audit.compare(a.last, x)
	return result, err
}

// A recorder keeps what is written through it.
type recorder struct {
	statemachine.Writer
	to *applied
}

// Set implements statemachine.Writer.
func (r *recorder) Set(key, value []byte) {
	r.to.writes = append(r.to.writes, write{key: bytes.Clone(key), value: bytes.Clone(value)})
	r.Writer.Set(key, value)
}

// Delete implements statemachine.Writer.
func (r *recorder) Delete(key []byte) {
	r.to.writes = append(r.to.writes, write{key: bytes.Clone(key), deleted: true})
	r.Writer.Delete(key)
}
