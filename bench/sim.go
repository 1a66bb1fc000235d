package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/sim"
	_ "github.com/varangian-bft/varangian/sim/adversary"
)

const (
	simDuration = time.Minute
	shrinkTime  = time.Minute
	simFolder   = "sim/testdata/schedules"
	seedsMax    = 100_000_000

	smallestGroup = 4   // that tolerates a fault
	gcPercent     = 400 // worlds are small and short-lived
)

// A hunt is what `bench sim` is told to do.
type hunt struct {
	seed      uint64
	first     uint64
	seeds     uint64
	duration  time.Duration
	replicas  int
	adversary string
	plan      string
	keep      string
	trace     string
	workers   int
	twins     bool
}

func simCommand() *cobra.Command {
	var h hunt
	c := &cobra.Command{
		Use:   "sim",
		Short: "Run the production core through hostile schedules in simulated worlds",
		Long: `Draw schedules from seeds and run each in a world of its own: with replicas that lie,
crash, pause and forget, a network that loses, repeats, delays and cuts, and wrong
clocks. After every event the invariants are checked; after the faults the group has
to finish what clients asked for. One seed always gives the same run.

At the first failure the schedule is shrunk and saved as a small text file.`,
		Example: `  go run ./bench sim --duration 5m
  go run ./bench sim --seed 7 --adversary equivocate
  go run ./bench sim --seed 7 --adversary equivocate --trace t.html
  go run ./bench sim --plan sim/testdata/schedules/NAME.txt
  go run ./bench sim --twins`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.Uint64Var(&h.seed, "seed", 0, "run only this seed; 0: from --first on")
	f.Uint64Var(&h.first, "first", 1, "the first seed")
	f.Uint64Var(&h.seeds, "seeds", 0, "how many seeds; 0: as many as the duration allows")
	f.DurationVar(&h.duration, "duration", simDuration, "how long, unless --seeds or --seed says how many")
	f.IntVar(&h.replicas, "replicas", 0, "replicas of every group; 0: 4 to 13, half of them 4, and 4 with --adversary")
	f.StringVar(&h.adversary, "adversary", "", `how every faulty replica lies, "+" joins ways; "none" for no lies`)
	f.StringVar(&h.plan, "plan", "", "run the schedule of this file instead")
	f.StringVar(&h.keep, "keep", simFolder, "the folder for the schedule of a failure")
	f.StringVar(&h.trace, "trace", "", "write a page that shows the run of --seed or --plan to this file")
	f.IntVar(&h.workers, "workers", runtime.NumCPU(), "worlds at a time")
	f.BoolVar(&h.twins, "twins", false, "instead, run one identity twice under every partition of 4 replicas in 4 views (takes minutes)")
	for _, other := range []string{"seed", "first", "seeds", "duration", "replicas", "adversary", "plan", "keep", "trace", "workers"} {
		c.MarkFlagsMutuallyExclusive("twins", other)
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := h.check(); err != nil {
			return err
		}
		if h.twins {
			return runTwins(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		}
		if h.plan != "" || h.seed != 0 {
			return h.single(c.Context(), c.OutOrStdout())
		}
		return h.many(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
	}
	return c
}

func (h *hunt) check() error {
	switch {
	case h.replicas != 0 && (h.replicas < 4 || h.replicas > replicasMax):
		return misuse("--replicas is %d; want 4 to %d", h.replicas, replicasMax)
	case h.first < 1 || h.first > seedsMax:
		return misuse("--first is %d; want 1 to %d", h.first, seedsMax)
	case h.seeds > seedsMax:
		return misuse("--seeds is %d; want at most %d", h.seeds, seedsMax)
	case h.duration <= 0 || h.duration > 24*time.Hour:
		return misuse("--duration is %v; want up to 24 hours", h.duration)
	case h.trace != "" && h.seed == 0 && h.plan == "":
		return misuse("--trace shows one run: say which one with --seed or --plan")
	case h.workers < 1 || h.workers > 256:
		return misuse("--workers is %d; want 1 to 256", h.workers)
	}
	if err := sim.CheckBehaviour(h.adversary); h.adversary != "" && h.adversary != "none" && err != nil {
		return misuse("--adversary: %w", err)
	}
	return nil
}

// wishes says what the plans have to be like. One way to lie is watched in the
// smallest group, unless another size was asked for.
func (h *hunt) wishes() sim.Wishes {
	w := sim.Wishes{Replicas: h.replicas, Adversary: h.adversary}
	if w.Replicas == 0 && w.Adversary != "" && w.Adversary != "none" {
		w.Replicas = smallestGroup
	}
	return w
}

// single runs one schedule and tells how it went.
func (h *hunt) single(ctx context.Context, out io.Writer) error {
	p := sim.Schedule(h.seed, h.wishes())
	if h.plan != "" {
		text, err := os.ReadFile(h.plan)
		if err != nil {
			return err
		}
		if p, err = sim.ParsePlan(text); err != nil {
			return fmt.Errorf("%s: %w", h.plan, err)
		}
	}
	fmt.Fprintf(out, "%s\n", p.Marshal())
	began := time.Now()
	r, err := h.run(p, out)
	if err != nil {
		return err
	}
	if r.Broken != nil {
		return h.failed(ctx, out, p, r)
	}
	fmt.Fprintf(out, "ok: %d operations in %v simulated, quiet after %v, %d views, digest %s (%v)\n",
		r.Completed, r.Virtual.Round(time.Millisecond), r.Settled.Round(time.Millisecond), r.Views, r.Digest.Short(), time.Since(began).Round(time.Millisecond))
	return nil
}

// failed shrinks a schedule that broke an invariant, saves it and says all that is
// needed to see it again.
func (h *hunt) failed(ctx context.Context, out io.Writer, p sim.Plan, r sim.Report) error {
	fmt.Fprintf(out, "\nseed %d broke %q at %v:\n  %s\n\nshrinking for up to %v ...\n", p.Seed, r.Broken.Invariant, r.Broken.At, r.Broken.Detail, shrinkTime)
	end := time.Now().Add(shrinkTime)
	least, report := sim.Shrink(p, func() bool { return time.Now().After(end) || ctx.Err() != nil })
	name := filepath.Join(h.keep, fmt.Sprintf("%s-%d.txt", fileName(report.Broken.Invariant), p.Seed))
	text := fmt.Appendf(nil, "# %s\n%s", report.Broken.Invariant, least.Marshal())
	err := os.MkdirAll(h.keep, 0o755)
	if err == nil {
		err = os.WriteFile(name, text, 0o644)
	}
	fmt.Fprintf(out, "the shortest schedule that was found breaks it at %v:\n\n%s\n  %s\n", report.Broken.At, text, report.Broken.Detail)
	if err != nil {
		return fmt.Errorf("a schedule broke %q, and it could not be saved: %w", report.Broken.Invariant, err)
	}
	return fmt.Errorf("a schedule broke %q; it is saved: go run ./bench sim --plan %s", report.Broken.Invariant, name)
}

// fileName makes a name for a file out of an invariant's.
func fileName(s string) string {
	b := []byte(s)
	for i, c := range b {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			b[i] = '-'
		}
	}
	return string(b)
}

// totals add up what many runs came to.
type totals struct {
	mu        sync.Mutex
	next      uint64
	schedules int
	byzantine int // with f replicas that lie
	real      int
	sizes     map[int]int
	virtual   time.Duration
	settled   time.Duration // the longest
	completed int
	coverage  sim.Coverage
	plan      *sim.Plan // the first that failed
	report    sim.Report
}

var errFound = errors.New("found")

// many runs schedules on all cores, each world in one goroutine, until there are
// enough or one fails.
func (h *hunt) many(ctx context.Context, out, progress io.Writer) error {
	t := &totals{sizes: map[int]int{}, next: h.first - 1}
	running := ctx
	if h.seeds == 0 {
		var cancel context.CancelFunc
		running, cancel = context.WithTimeout(ctx, h.duration)
		defer cancel()
	}
	stop, found := context.WithCancelCause(running)
	defer found(nil)
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	began, before := time.Now(), processorTime()
	var all sync.WaitGroup
	for range h.workers {
		all.Go(func() {
			for stop.Err() == nil && t.run(h) {
			}
			if t.failed() {
				found(errFound)
			}
		})
	}
	go func() {
		all.Wait()
		found(nil) // all seeds have run: nothing is left to tell of
	}()
	t.narrate(stop, progress, began)
	all.Wait()
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	t.table(out, time.Since(began), processorTime()-before, h.workers)
	if t.plan != nil {
		return h.failed(ctx, out, *t.plan, t.report)
	}
	return nil
}

// run runs the next schedule, and reports whether there may be another one.
func (t *totals) run(h *hunt) bool {
	t.mu.Lock()
	t.next++
	seed := t.next
	t.mu.Unlock()
	if h.seeds > 0 && seed >= h.first+h.seeds {
		return false
	}
	p := sim.Schedule(seed, h.wishes())
	r := sim.Run(p, nil)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add(&p, &r)
	return t.plan == nil
}

func (t *totals) add(p *sim.Plan, r *sim.Report) {
	t.schedules++
	if p.Liars() == (p.Replicas-1)/3 {
		t.byzantine++
	}
	if p.Real {
		t.real++
	}
	t.sizes[p.Replicas]++
	t.virtual += r.Virtual
	t.settled = max(t.settled, r.Settled)
	t.completed += r.Completed
	t.coverage.Add(&r.Coverage)
	if r.Broken != nil && t.plan == nil {
		t.plan, t.report = p, *r
	}
}

func (t *totals) failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.plan != nil
}
