package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/sim/adversary"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// A rig is a world in which a story takes its course.
type rig struct {
	t *testing.T
	*sim.World
	n         int
	liars     map[int]sim.Behaviour
	submitted int
	finished  int
}

const timeout = 400 * time.Millisecond

// begin makes a calm world: no frame is lost, and each is under way for a
// millisecond or two.
func begin(t *testing.T, cfg sim.Config) *rig {
	t.Helper()
	if cfg.Replicas == 0 {
		cfg.Replicas = 4
	}
	if cfg.Clients == 0 {
		cfg.Clients = 2
	}
	cfg.Timeout = timeout
	w, err := sim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, World: w, n: cfg.Replicas, liars: map[int]sim.Behaviour{}}
}

// corrupt gives a replica a behaviour of package adversary.
func (r *rig) corrupt(i int, name string) {
	r.corruptBy(i, adversary.New(name))
}

func (r *rig) corruptBy(i int, make func(*sim.Faulty) sim.Behaviour) {
	r.Corrupt(i, func(f *sim.Faulty) sim.Behaviour {
		r.liars[i] = make(f)
		return r.liars[i]
	})
}

// lied checks that the liars really did what the story is about.
func (r *rig) lied() {
	r.t.Helper()
	for i, b := range r.liars {
		if d, ok := b.(sim.Deviator); ok && d.Deviated() == 0 {
			r.t.Errorf("r%d never lied", i)
		}
	}
}

// invoke submits an operation of a client and returns where its end will stand.
func (r *rig) invoke(client int, op []byte) *session.Completion {
	end := new(session.Completion)
	r.submitted++
	r.Client(client).Invoke(op, func(done session.Completion) {
		*end = done
		r.finished++
	})
	return end
}

func (r *rig) increment(client int) *session.Completion {
	return r.invoke(client, kv.Increment([]byte("n"), 1))
}

// load submits increments of a client, one after the other.
func (r *rig) load(client, count int) {
	for range count {
		r.increment(client)
	}
}

func (r *rig) done() bool { return r.finished == r.submitted }

func (r *rig) run(d time.Duration) {
	r.t.Helper()
	if err := r.Run(d); err != nil {
		r.t.Fatal(err)
	}
}

// until lets the world go on until something is the case.
func (r *rig) until(limit time.Duration, what string, is func() bool) {
	r.t.Helper()
	if err := r.RunUntil(limit, is); err != nil {
		r.t.Fatal(err)
	}
	if !is() {
		for i := range r.n {
			r.t.Logf("r%d: up=%v %+v", i, r.Replica(i).Up(), r.Replica(i).Status())
		}
		r.t.Fatalf("after %v: not %s", limit, what)
	}
}

// serve waits until everything that was submitted is done.
func (r *rig) serve(limit time.Duration) {
	r.t.Helper()
	r.until(limit, "everything submitted is done", r.done)
}

// counter reads the counter, in order with everything else.
func (r *rig) counter(client int) int64 {
	r.t.Helper()
	end := r.invoke(client, kv.Increment([]byte("n"), 0))
	r.serve(60 * time.Second)
	v, err := kv.DecodeIncrement(end.Result.Value)
	if err != nil {
		r.t.Fatalf("the counter: %v (%+v)", err, end)
	}
	return v
}

// counterOf reads the counter although other operations are under way.
func (r *rig) counterOf(client int) int64 {
	r.t.Helper()
	end := r.invoke(client, kv.Increment([]byte("n"), 0))
	r.until(60*time.Second, "the counter is read", func() bool { return end.Operation != 0 })
	v, err := kv.DecodeIncrement(end.Result.Value)
	if err != nil {
		r.t.Fatalf("the counter: %v (%+v)", err, end)
	}
	return v
}

// level waits until all correct replicas have executed the same.
func (r *rig) level(limit time.Duration) {
	r.t.Helper()
	r.until(limit, "equal histories of the correct replicas", func() bool {
		var first *sim.Replica
		for i := range r.n {
			p := r.Replica(i)
			switch {
			case r.liars[i] != nil:
			case !p.Up():
				return false
			case first == nil:
				first = p
			case p.Status().Executed != first.Status().Executed || p.Status().History != first.Status().History:
				return false
			}
		}
		return true
	})
}

// view is the highest view that a correct replica entered.
func (r *rig) view() (v consensus.ViewNumber) {
	for i := range r.n {
		if r.liars[i] == nil {
			v = max(v, r.Replica(i).Status().Engine.View)
		}
	}
	return v
}

// between reports whether both parties are replicas.
func (r *rig) between(from, to int) bool { return from < r.n && to < r.n }

// kind is the type of a frame.
func kind(frame []byte) consensus.MessageType { return consensus.MessageType(frame[0]) }

// vote reads a vote of one type.
func vote(frame []byte, k consensus.MessageType) (pbft.Vote, bool) {
	v, ok := pbft.ReadVote(frame)
	return v, ok && v.Kind == k
}

// split cuts the group in two: replicas of one set hear each other only.
func (r *rig) split(set ...int) {
	in := map[int]bool{}
	for _, i := range set {
		in[i] = true
	}
	r.Cut(func(from, to int) bool { return in[from] != in[to] })
}

func (r *rig) executed(i int) consensus.Sequence { return r.Replica(i).Status().Executed }
