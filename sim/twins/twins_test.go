package twins_test

import (
	"flag"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim/twins"
)

var limit = flag.Int("twins.limit", 3000, "how many scenarios TestTwins runs; 0 means all")

// R7, R36, R46, R58, R62, R72, R118: no partition in four views lets two copies of
// one replica break what the three correct ones agree on.
func TestTwins(t *testing.T) {
	began := time.Now()
	r, err := twins.Run(*limit, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v, %.0f a second", r, float64(r.Scenarios)/time.Since(began).Seconds())
	for _, f := range r.Broken {
		t.Errorf("%v: %s", f.Scenario, f.What)
	}
	if r.Executed < 2*r.Scenarios || r.View < 3 || r.Evidence*10 < r.Scenarios || r.Checkpoints*4 < r.Scenarios || r.Met == 0 {
		t.Errorf("the scenarios reach too little: %+v", r.Counts)
	}
}

// Numbers and scenarios stand for each other one to one.
func TestScenarios(t *testing.T) {
	seen := map[twins.Scenario]bool{}
	for i := range twins.Total {
		seen[twins.Nth(i)] = true
	}
	if len(seen) != twins.Total {
		t.Errorf("%d different scenarios of %d", len(seen), twins.Total)
	}
}

// The report does not depend on the course that goroutines take.
func TestSameTwice(t *testing.T) {
	a, errA := twins.Run(200, nil)
	b, errB := twins.Run(200, nil)
	if errA != nil || errB != nil || a.Counts != b.Counts {
		t.Errorf("two runs differ: %+v and %+v", a, b)
	}
}

func BenchmarkTwins(b *testing.B) {
	r, err := twins.Run(b.N, nil)
	if err != nil || len(r.Broken) > 0 {
		b.Fatal(r, err)
	}
	b.ReportMetric(float64(r.Scenarios)/b.Elapsed().Seconds(), "scenarios/s")
}
