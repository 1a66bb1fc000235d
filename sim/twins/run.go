package twins

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/varangian-bft/varangian/consensus"
)

// Counts says what scenarios reached.
type Counts struct {
	Scenarios   int
	Executed    int                  // batches that correct replicas executed, in sum
	View        consensus.ViewNumber // highest that a correct replica entered
	Checkpoints int                  // scenarios in which a checkpoint was flushed
	Evidence    int                  // scenarios in which a correct replica proved the lie
	Met         int                  // times that a copy was shown what the other one said
}

func (c *Counts) add(o Counts) {
	c.Scenarios += o.Scenarios
	c.Executed += o.Executed
	c.View = max(c.View, o.View)
	c.Checkpoints += o.Checkpoints
	c.Evidence += o.Evidence
	c.Met += o.Met
}

// A Failure is a scenario in which safety broke.
type Failure struct {
	Scenario Scenario
	What     string
}

// A Report is what came of scenarios.
type Report struct {
	Counts
	Broken []Failure // in order of number; at most failuresMax of them
}

// failuresMax bounds the failures that a report holds.
const failuresMax = 16

// String says in one line what was run and reached.
func (r Report) String() string {
	return fmt.Sprintf("%d of %d scenarios: %d batches executed, views up to %d, %d with checkpoints, %d with evidence, %d broken",
		r.Scenarios, Total, r.Executed, r.View, r.Checkpoints, r.Evidence, len(r.Broken))
}

// stride visits numbers in an order that spreads a part of the scenarios over all
// of them: it has no divisor in common with Total.
const stride = 104_729

// Run runs scenarios: all of them, or, with a limit from 1 to Total, that many,
// spread over all. It uses as many goroutines as there are processors; the report
// does not depend on how many. progress, unless nil, is told now and then how many
// are done, from any of the goroutines; it ends the run with false.
func Run(limit int, progress func(done int) bool) (Report, error) {
	if limit <= 0 || limit > Total {
		limit = Total
	}
	workers := min(runtime.GOMAXPROCS(0), limit)
	parts := make([]Report, workers)
	errs := make([]error, workers)
	// A run allocates much and keeps nothing: with the usual small heap, collection
	// would be half of the work.
	defer debug.SetGCPercent(debug.SetGCPercent(1600))
	var done atomic.Int64
	tell := func(more int) bool {
		n := done.Add(int64(more))
		return progress == nil || progress(int(n))
	}
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() { parts[w], errs[w] = run(limit*w/workers, limit*(w+1)/workers, tell) })
	}
	wait.Wait()
	var all Report
	for w := range parts {
		if errs[w] != nil {
			return Report{}, errs[w]
		}
		all.add(parts[w].Counts)
		all.Broken = append(all.Broken, parts[w].Broken...)
	}
	all.Broken = all.Broken[:min(len(all.Broken), failuresMax)]
	return all, nil
}

// tellEvery is how many scenarios a goroutine runs before it says so.
const tellEvery = 1024

func run(from, to int, tell func(more int) bool) (r Report, err error) {
	s, err := newStage()
	if err != nil {
		return r, err
	}
	for i := from; i < to; i++ {
		scenario := Nth(i * stride % Total)
		counts, broken := s.play(&scenario)
		r.add(counts)
		if broken != "" && len(r.Broken) < failuresMax {
			r.Broken = append(r.Broken, Failure{scenario, broken})
		}
		if (i-from+1)%tellEvery == 0 && !tell(tellEvery) {
			break
		}
	}
	return r, nil
}

// Play runs one scenario, and returns what is wrong with it; empty if nothing is.
func Play(s Scenario) (Counts, string, error) {
	stage, err := newStage()
	if err != nil {
		return Counts{}, "", err
	}
	counts, broken := stage.play(&s)
	return counts, broken, nil
}
