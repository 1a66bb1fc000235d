package sim

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// Wishes fix parts of the plans that Schedule draws. The zero value wishes for
// nothing.
type Wishes struct {
	Replicas  int    // 0: half of the groups have 4, one in twenty 10 or more
	Adversary string // every faulty replica behaves like this; "none" for no faulty one
}

// Schedule draws a plan from a seed. The ranges from which it draws are drawn
// themselves (swarm testing): one plan has tiny windows and a calm network,
// another one floods of crashes, so that no kind of trouble always hides
// another.
func Schedule(seed uint64, wish Wishes) Plan {
	d := &drawing{rng: rand.New(rand.NewPCG(seed, uint64(streamPlan)<<32)), plan: Plan{Seed: seed}}
	p := &d.plan
	p.Replicas = wish.Replicas
	if p.Replicas == 0 {
		p.Replicas = d.size()
	}
	d.q = consensus.QuorumsOf(p.Replicas)
	p.Clients = 1 + d.rng.IntN(4)
	p.Real = p.Replicas <= 7 && d.chance(1./64)
	d.parameters()
	d.network()
	d.load()
	d.clocks()
	p.Quiet = d.duration(5*time.Second, 60*time.Second)
	d.faulty(wish.Adversary)
	d.troubles()
	d.away()
	d.disks()
	slices.SortStableFunc(p.Steps, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	return *p
}

// A drawing is a plan that is being drawn.
type drawing struct {
	rng  *rand.Rand
	plan Plan
	q    consensus.Quorums
	bad  []int // replicas that lie, lose their disk or have a rotten one: f at most

	rotten []int // those whose disk is
}

func (d *drawing) chance(share float64) bool { return d.rng.Float64() < share }

func (d *drawing) duration(least, most time.Duration) time.Duration {
	return least + time.Duration(d.rng.Int64N(int64(most-least)+1)).Truncate(time.Millisecond)
}

// upTo draws a number that is small more often than large.
func (d *drawing) upTo(most time.Duration) time.Duration {
	x := d.rng.Float64()
	return max(time.Duration(float64(most)*x*x*x).Truncate(time.Millisecond), time.Millisecond)
}

func (d *drawing) size() int {
	switch x := d.rng.IntN(20); {
	case x == 0:
		return []int{10, 13}[d.rng.IntN(2)]
	case x < 10:
		return []int{5, 6, 7}[d.rng.IntN(3)]
	}
	return 4
}

func (d *drawing) parameters() {
	p := SmallParameters()
	p.CheckpointInterval = 1 + d.rng.Uint64N(8)
	if d.chance(.1) {
		p.CheckpointInterval = 1 + d.rng.Uint64N(32)
	}
	p.Window = p.CheckpointInterval * (2 + d.rng.Uint64N(4))
	p.SnapshotInterval = 1 + d.rng.Uint64N(6)
	p.BatchRequestsMax = 1 + d.rng.Uint64N(8)
	if d.chance(.2) {
		p.SessionWindow = 1 + d.rng.Uint64N(16)
	}
	if d.chance(.2) {
		p.DriftMax = time.Duration(1+d.rng.IntN(60)) * time.Second
	}
	d.plan.Parameters = p
	d.plan.Timeout = []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second}[d.rng.IntN(3)]
	d.plan.Sync = d.upTo(200 * time.Millisecond)
}

// network draws the weather: in one of three plans it is fine, else it has up to
// 5 s of delay, 30 % of loss and 50 % of frames that come twice.
func (d *drawing) network() { d.plan.Network = d.weather() }

func (d *drawing) weather() Conditions {
	c := Conditions{DelayMax: d.upTo(50 * time.Millisecond), Ordered: d.chance(.2)}
	if d.chance(.6) {
		c.DelayMax = d.upTo(5 * time.Second)
	}
	if d.chance(.3) {
		c.DelayMin = time.Duration(d.rng.Int64N(int64(c.DelayMax))).Truncate(time.Microsecond)
	}
	if d.chance(.5) {
		c.Loss = float64(d.rng.IntN(31)) / 100
	}
	if d.chance(.5) {
		c.Duplication = float64(d.rng.IntN(51)) / 100
	}
	return c
}

func (d *drawing) load() {
	l := Load{Operations: 5 + d.rng.IntN(60), InFlight: 1 + d.rng.IntN(4), Keys: 1 + d.rng.IntN(4)}
	if d.plan.Replicas >= 10 {
		l.Operations = 5 + d.rng.IntN(20)
	}
	l.Pause = d.upTo(2 * time.Second)
	if d.plan.Clients > 1 && d.chance(.2) {
		l.Removals = 1 + d.rng.IntN(8)
	}
	d.plan.Load = l
}

// clocks sets some replicas' clocks wrong: offsets up to twice the drift that the
// group bears and up to 1 % of gain or loss.
func (d *drawing) clocks() {
	if d.chance(.6) {
		return
	}
	for i := range d.plan.Replicas {
		if d.chance(.5) {
			most := 2 * d.plan.Parameters.DriftMax
			d.plan.Clocks = append(d.plan.Clocks, PartyClock{Replica: i, Clock: Clock{
				Offset: d.duration(0, 2*most) - most, Drift: d.rng.Int64N(20_001) - 10_000,
			}})
		}
	}
}

// pick draws a replica that is not among some.
func (d *drawing) pick(not []int) int {
	for {
		if i := d.rng.IntN(d.plan.Replicas); !slices.Contains(not, i) {
			return i
		}
	}
}

// faulty draws who lies: in three of four plans f replicas do, in some one of them
// loses its disk or has a rotten one instead, and recovers, and now and then a client
// lies, too.
func (d *drawing) faulty(name string) {
	names, count := BehaviourNames(), d.q.F
	switch {
	case name == "none" || name == "" && len(names) == 0:
		count = 0
	case name == "" && d.chance(.25):
		count = d.rng.IntN(d.q.F + 1)
	}
	for range count {
		i := d.pick(d.bad)
		if name != "" && len(d.bad) == 0 {
			i = 0 // the first primary: most lies are a primary's
		}
		d.bad = append(d.bad, i)
		if name == "" && d.unsound(i) {
			continue
		}
		lies := []string{name}
		if name == "" {
			lies = lies[:0]
			for range 1 + d.rng.IntN(3)/2 {
				lies = append(lies, names[d.rng.IntN(len(names))])
			}
		}
		d.plan.Faults = append(d.plan.Faults, Fault{Party: i, Name: strings.Join(lies, "+")})
	}
	clients := ClientBehaviourNames()
	for i := range d.plan.Clients {
		if name == "" && len(clients) > 0 && i > 0 && d.chance(.15) {
			d.plan.Faults = append(d.plan.Faults, Fault{Party: d.plan.Replicas + i, Name: clients[d.rng.IntN(len(clients))]})
		}
	}
}

// wipe lets a replica lose its disk once or twice, and start again after a while. Now
// and then a copy of its folder is taken after that, while it may still recover, and put
// back later.
func (d *drawing) wipe(i int) {
	add := func(do Verb, at time.Duration) {
		d.plan.Steps = append(d.plan.Steps, Step{At: min(at, d.plan.Quiet), Do: do, Replica: i})
	}
	for range 1 + d.rng.IntN(2) {
		at := d.duration(0, d.plan.Quiet)
		do := Wipe
		if d.chance(.5) {
			do = Roll
			add(Copy, d.duration(0, at))
		}
		add(do, at)
		at += d.upTo(15 * time.Second)
		add(Start, at)
		if d.chance(.3) {
			at += d.upTo(10 * time.Second)
			add(Copy, at)
			at += d.upTo(30 * time.Second)
			add(Roll, at)
			add(Start, at+d.upTo(15*time.Second))
		}
	}
}

// troubles draws what befalls the group until the quiet.
func (d *drawing) troubles() {
	var weights [6]int
	for i := range weights {
		weights[i] = d.rng.IntN(4)
	}
	every := d.upTo(20*time.Second) + 200*time.Millisecond
	if d.chance(.15) {
		every = time.Hour // none at all
	}
	for at := d.duration(0, every); at < d.plan.Quiet; at += d.duration(every/4, 2*every) {
		d.trouble(at, weights[:])
	}
}

func (d *drawing) trouble(at time.Duration, weights []int) {
	total := 0
	for _, w := range weights {
		total += w
	}
	if total == 0 {
		return
	}
	kind, x := 0, d.rng.IntN(total)
	for ; x >= weights[kind]; kind++ {
		x -= weights[kind]
	}
	add := func(s Step) { d.plan.Steps = append(d.plan.Steps, s) }
	i := d.rng.IntN(d.plan.Replicas)
	until := at + d.upTo(15*time.Second)
	switch kind {
	case 0: // some or all replicas lose power at one time
		hit := []int{i}
		if d.chance(.2) {
			hit = d.rng.Perm(d.plan.Replicas)[:1+d.rng.IntN(d.plan.Replicas)]
		}
		for _, i := range hit {
			add(Step{At: at, Do: Crash, Replica: i, Lost: float64(d.rng.IntN(11)) / 10, Torn: float64(d.rng.IntN(11)) / 10})
			add(Step{At: at + d.upTo(15*time.Second), Do: Start, Replica: i})
		}
	case 1:
		add(Step{At: at, Do: Pause, Replica: i, For: d.upTo(20 * time.Second)})
	case 2:
		d.cut(at)
		add(Step{At: until, Do: Heal})
	case 3:
		from, to := d.parties()
		add(Step{At: at, Do: Slow, From: from, To: to, For: d.upTo(5 * time.Second)})
	case 4:
		add(Step{At: at, Do: Weather, Network: d.weather()})
	case 5:
		most := 2 * d.plan.Parameters.DriftMax
		add(Step{At: at, Do: SetTime, Replica: i, For: d.duration(0, 2*most) - most})
	}
}

// parties divides all parties into two sets.
func (d *drawing) parties() (a, b []int) {
	total := d.plan.Replicas + d.plan.Clients
	all := d.rng.Perm(total)
	n := 1 + d.rng.IntN(total-1)
	if d.chance(.5) {
		n = 1
	}
	a, b = all[:n], all[n:]
	slices.Sort(a)
	slices.Sort(b)
	return a, b
}

func (d *drawing) cut(at time.Duration) {
	from, to := d.parties()
	d.plan.Steps = append(d.plan.Steps, Step{At: at, Do: Cut, From: from, To: to, OneWay: d.chance(.3)})
}

// away draws which replicas the group has to do without in the end, so that with
// those that lie or lost their disks they are f (R120).
func (d *drawing) away() {
	if d.chance(.5) {
		return
	}
	for len(d.bad) < d.q.F {
		i := d.pick(d.bad)
		d.bad = append(d.bad, i)
		d.plan.Away = append(d.plan.Away, i)
		if d.chance(.5) {
			d.plan.Steps = append(d.plan.Steps, Step{At: d.plan.Quiet - time.Millisecond, Do: Crash, Replica: i, Lost: 1})
		}
	}
	slices.Sort(d.plan.Away)
}
