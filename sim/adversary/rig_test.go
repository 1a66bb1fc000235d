package adversary_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/client/session"
	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/sim/adversary"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// A story is one run: who lies about what, in which group, under which seed.
type story struct {
	seed     uint64
	replicas int
	liars    []string // behaviour of replica i; empty for a correct one
	clients  []string // behaviour of client i; empty for a correct one
	storm    time.Duration
}

func (s story) String() string {
	return fmt.Sprintf("seed %d, n=%d, liars %s, clients %s", s.seed, s.replicas, strings.Join(s.liars, ","), strings.Join(s.clients, ","))
}

// A rig is a world with a story.
type rig struct {
	t *testing.T
	story
	world     *sim.World
	behaviour []sim.Behaviour
	fools     []sim.ClientBehaviour
	submitted int
	finished  int
	over      bool
}

func newRig(t *testing.T, s story) *rig {
	t.Helper()
	w, err := sim.New(sim.Config{
		Seed: s.seed, Replicas: s.replicas, Clients: len(s.clients), App: func() statemachine.Application { return kv.New() },
		DelayMin: 200 * time.Microsecond, DelayMax: 20 * time.Millisecond, Loss: 0.02, Duplication: 0.02,
		SyncMax: 4 * time.Millisecond, Timeout: 400 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, story: s, world: w}
	for i, name := range s.liars {
		if name == "" {
			continue
		}
		w.Corrupt(i, func(f *sim.Faulty) sim.Behaviour {
			b := adversary.New(name)(f)
			r.behaviour = append(r.behaviour, b)
			return b
		})
	}
	for i, name := range s.clients {
		if name == "" {
			continue
		}
		w.CorruptClient(i, func(f *sim.FaultyClient) sim.ClientBehaviour {
			b := adversary.NewClient(name)(f)
			r.fools = append(r.fools, b)
			return b
		})
	}
	return r
}

// load lets every client have a few operations under way until the end. Those of
// correct clients are counted.
func (r *rig) load() {
	for i, name := range r.clients {
		c, correct := r.world.Client(i), name == ""
		var next func()
		next = func() {
			if r.over {
				return
			}
			if correct {
				r.submitted++
			}
			c.Invoke(kv.Increment([]byte("n"), 1), func(session.Completion) {
				if correct {
					r.finished++
				}
				next()
			})
		}
		for range 2 {
			next()
		}
	}
}

func (r *rig) lies(i int) bool { return i < len(r.liars) && r.liars[i] != "" }

func (r *rig) run(d time.Duration) {
	r.t.Helper()
	r.until(d, func() bool { return false })
}

// until goes on, and starts liars anew that their own lies stopped, until done.
func (r *rig) until(d time.Duration, done func() bool) {
	r.t.Helper()
	next := r.world.Now()
	err := r.world.RunUntil(d, func() bool {
		if r.world.Now() >= next {
			next += time.Second
			for i := range r.replicas {
				if p := r.world.Replica(i); r.lies(i) && !p.Up() {
					_ = p.Start() // its log may hold its lies: then it stays down
				}
			}
		}
		return done()
	})
	if err != nil {
		r.t.Fatalf("%v: %v", r.story, err)
	}
}

// rage cuts replicas off for a while, the primary more often than others: new
// views, state transfers and retransmissions give every liar its occasion.
func (r *rig) rage() {
	r.t.Helper()
	rng := r.world.Random()
	for end := r.world.Now() + r.storm; r.world.Now() < end; {
		victim := rng.IntN(r.replicas)
		if rng.IntN(2) == 0 {
			victim = int(r.world.Replica(rng.IntN(r.replicas)).Status().Engine.Primary)
		}
		r.world.Cut(func(from, to int) bool { return from == victim || to == victim })
		r.run(time.Duration(500+rng.IntN(2000)) * time.Millisecond)
		r.world.Cut(nil)
		r.run(time.Duration(200+rng.IntN(1500)) * time.Millisecond)
	}
}

// calm waits until everything that correct clients asked for is done, and all
// correct replicas stand equal, although the liars go on (R120).
func (r *rig) calm(limit time.Duration) {
	r.t.Helper()
	r.over = true
	done := func() bool { return r.finished == r.submitted }
	r.until(limit, done)
	if !done() {
		r.stuck(fmt.Sprintf("%d of %d operations of correct clients are done", r.finished, r.submitted))
	}
	r.until(limit, r.equal)
	if !r.equal() {
		r.stuck("correct replicas do not stand equal")
	}
}

func (r *rig) stuck(what string) {
	r.t.Helper()
	for i := range r.replicas {
		p := r.world.Replica(i)
		r.t.Logf("r%d: liar=%v up=%v %+v", i, r.lies(i), p.Up(), p.Status())
	}
	r.t.Fatalf("%v: %s", r.story, what)
}

func (r *rig) equal() bool {
	first := -1
	for i := range r.replicas {
		if r.lies(i) {
			continue
		}
		s := r.world.Replica(i).Status()
		if first < 0 {
			first = i
		}
		if o := r.world.Replica(first).Status(); s.Executed != o.Executed || s.History != o.History {
			return false
		}
	}
	return true
}

// lied returns how often each behaviour departed from what is right.
func (r *rig) lied() map[string]int {
	total := map[string]int{}
	for _, b := range r.behaviour {
		for _, d := range adversary.Deviations(b) {
			total[d.Name] += d.Count
		}
	}
	fools := r.fools
	for _, name := range r.clients {
		if name != "" {
			total[name] += adversary.ClientDeviations(fools[0])
			fools = fools[1:]
		}
	}
	return total
}

func (r *rig) tell() map[string]int {
	r.t.Helper()
	r.load()
	r.rage()
	r.calm(200 * time.Second)
	return r.lied()
}
