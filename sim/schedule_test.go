package sim_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/sim"
	_ "github.com/varangian-bft/varangian/sim/adversary"
)

var (
	seedFlag   = flag.Uint64("sim.seed", 0, "run only this seed")
	seedsFlag  = flag.Uint64("sim.seeds", 24, "how many seeds to run")
	commitFlag = flag.Bool("sim.commit", false, "print one line per event of the seed in -sim.seed")
)

// keptFolder holds the schedules that once broke an invariant.
const keptFolder = "testdata/schedules"

// TestSchedules runs random worlds: safety holds after every event (R118), and once
// the faults end, everything that clients asked for is done and all replicas stand
// equal (R120), among them wrong clocks (R37), liars (R22, R47) and power losses
// (R78, R85).
func TestSchedules(t *testing.T) {
	first, count := uint64(1), *seedsFlag
	var observe func(sim.Event)
	if *seedFlag > 0 {
		first, count = *seedFlag, 1
		if *commitFlag {
			observe = func(e sim.Event) { t.Log(e) }
		}
	}
	if testing.Short() {
		count = min(count, 4)
	}
	for seed := first; seed < first+count; seed++ {
		p := sim.Schedule(seed, sim.Wishes{})
		if r := sim.Run(p, observe); r.Broken != nil {
			t.Errorf("%v\n%s", r.Broken, p.Marshal())
		}
	}
}

// TestKeptSchedules runs every schedule that ever broke an invariant: none does
// any more.
func TestKeptSchedules(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(keptFolder, "*.txt"))
	if err != nil || len(names) == 0 {
		t.Fatal("no schedules", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := sim.ParsePlan(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r := sim.Run(p, nil); r.Broken != nil {
			t.Errorf("%s: %v", name, r.Broken)
		}
	}
}

// TestSameSeedSameRun: chance comes from the seed alone, and whether anybody looks
// changes nothing.
func TestSameSeedSameRun(t *testing.T) {
	for seed := uint64(100); seed < 104; seed++ {
		p := sim.Schedule(seed, sim.Wishes{})
		events := 0
		first, second := sim.Run(p, nil), sim.Run(p, func(sim.Event) { events++ })
		if first.Digest != second.Digest || first.Virtual != second.Virtual || first.Completed != second.Completed || events == 0 {
			t.Errorf("seed %d gave two different runs", seed)
		}
		p.Load.Operations++
		if third := sim.Run(p, nil); third.Digest == first.Digest {
			t.Errorf("seed %d: the digest does not depend on what happens", seed)
		}
	}
}

// A plan survives its text form.
func TestPlanText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := sim.Schedule(rapid.Uint64().Draw(t, "seed"), sim.Wishes{})
		text := p.Marshal()
		again, err := sim.ParsePlan(append([]byte("# a comment\n\n"), text...))
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if !bytes.Equal(again.Marshal(), text) {
			t.Fatalf("%s\nbecame\n%s", text, again.Marshal())
		}
	})
}

func TestPlanTextRefused(t *testing.T) {
	const group = "group replicas=4 clients=1\n"
	for text, want := range map[string]string{
		"":                                   "no line that begins",
		group + "tomorrow crash r1":          "neither a time",
		group + "1s explode r1":              "no step is called",
		group + "1s crash r4 lost=0 torn=0":  "no party",
		group + "1s start c0":                "no replica",
		group + "1s crash r1 lost=2 torn=0":  "from 0 to 1",
		group + "1s crash r1 torn=0 lost=0":  "lost=",
		group + "1s pause r1":                "missing",
		group + "1s pause r1 for=long":       "duration",
		group + "1s heal r1":                 "means nothing",
		group + "1s rot r1 how=slowly":       "how is one of",
		group + "seed -1":                    "invalid syntax",
		group + "clock r1 offset=1s drift=x": "drift",
	} {
		if _, err := sim.ParsePlan([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

// Faults beyond what a group bears are noticed: two of four away leave no quorum.
func TestLivenessIsChecked(t *testing.T) {
	p := calm()
	p.Away, p.Load.Operations = []int{2, 3}, 1000 // more than can be done before they leave
	if r := sim.Run(p, nil); r.Broken == nil || r.Broken.Invariant != "liveness" {
		t.Errorf("a group without a quorum: %v", r.Broken)
	}
}

// calm is a plan in which nothing is wrong.
func calm() sim.Plan {
	return sim.Plan{
		Seed: 5, Replicas: 4, Clients: 2, Parameters: sim.SmallParameters(), Timeout: time.Second, Sync: time.Millisecond,
		Network: sim.Conditions{DelayMax: 2 * time.Millisecond}, Quiet: 5 * time.Second,
		Load: sim.Load{Operations: 20, InFlight: 2, Pause: 100 * time.Millisecond, Keys: 2},
	}
}

// A replica that lost its disk starts again without a vote (R83, R92), and recovers
// in the end, although nobody asks the group for anything by then.
func TestWipedDiskRecovers(t *testing.T) {
	p := calm()
	p.Steps = []sim.Step{{At: time.Second, Do: sim.Wipe, Replica: 1}, {At: 2 * time.Second, Do: sim.Start, Replica: 1}}
	r := sim.Run(p, nil)
	if r.Broken != nil {
		t.Fatal(r.Broken)
	}
	if r.Coverage.Others["fault recovered"] == 0 {
		t.Error("nobody recovered")
	}
}

// brittle is a behaviour that panics at the second crash that it lives through.
type brittle struct {
	sim.Honest
	f *sim.Faulty
}

// Tick implements sim.Behaviour.
func (b *brittle) Tick() {
	if b.f.World().Replica(1).Forgot() && !b.f.World().Replica(2).Up() {
		panic("brittle")
	}
}

// A failing plan is shrunk to what it needs to fail: the two steps that matter.
func TestShrink(t *testing.T) {
	sim.RegisterBehaviour("test-brittle", func(f *sim.Faulty) sim.Behaviour { return &brittle{f: f} })
	p := calm()
	p.Faults = []sim.Fault{{Party: 3, Name: "test-brittle"}}
	for i := range 12 {
		at := time.Duration(i) * 300 * time.Millisecond
		p.Steps = append(p.Steps, sim.Step{At: at, Do: sim.Pause, Replica: i % 3, For: 50 * time.Millisecond})
		switch i {
		case 4:
			p.Steps = append(p.Steps, sim.Step{At: at, Do: sim.Wipe, Replica: 1})
		case 9:
			p.Steps = append(p.Steps, sim.Step{At: at, Do: sim.Crash, Replica: 2, Lost: 1})
		}
	}
	least, report := sim.Shrink(p, func() bool { return false })
	if report.Broken == nil || report.Broken.Invariant != "panic" {
		t.Fatal("the shrunk plan does not fail in the same way:", report.Broken)
	}
	if len(least.Steps) != 2 || len(least.Faults) != 1 || least.Clients != 1 || least.Load.Operations > 1 {
		t.Errorf("it could be shorter:\n%s", least.Marshal())
	}
	if again := sim.Run(least, nil); again.Digest != report.Digest {
		t.Error("the report is of another run")
	}
}
