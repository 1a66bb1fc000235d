package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/varangian-bft/varangian/bench/group"
	"github.com/varangian-bft/varangian/bench/load"
	"github.com/varangian-bft/varangian/bench/usage"
)

// setUpTimeout bounds what comes before the load, and the drain after it.
const setUpTimeout = 2 * time.Minute

func runCommand() *cobra.Command {
	var s spec
	var jsonFile string
	c := &cobra.Command{
		Use:   "run",
		Short: "Measure a group of real replica processes under a load",
		Long: `Start a group of replica processes on the loopback interface, put a load on it
through the client library, and report rate, latencies and costs. Processor time is
that of all replicas and of the load together, divided by acknowledged operations.

Presets:
` + presetHelp(),
		Example: `  go run ./bench run --preset S1 --json S1.json
  go run ./bench run --clients 10 --inflight 100 --rate 5000`,
		Args: cobra.NoArgs,
	}
	s.addFlags(c.Flags())
	c.Flags().StringVar(&jsonFile, "json", "", "write the report as JSON to this file, too; - is standard output, instead of the table")
	bin := binFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := s.settle(c.Flags()); err != nil {
			return err
		}
		var report *report
		setUp, cancel := context.WithTimeout(c.Context(), buildTimeout)
		defer cancel()
		p, err := newPlace(setUp, *bin)
		if err != nil {
			return err
		}
		err = whole(p.close, func() (err error) {
			report, err = measure(c.Context(), p, s)
			return err
		})
		if err != nil {
			return err
		}
		return report.publish(c.OutOrStdout(), jsonFile)
	}
	return c
}

// measure runs one group under one load.
func measure(ctx context.Context, p *place, s spec) (*report, error) {
	setUp, cancel := context.WithTimeoutCause(ctx, setUpTimeout, fmt.Errorf("the group was not ready within %v", setUpTimeout))
	defer cancel()
	g, err := group.New(setUp, p.binaries, group.Layout{Replicas: s.Replicas, Clients: s.Clients, Dir: filepath.Join(p.dir, "group"), Parameters: s.Parameters})
	if err != nil {
		return nil, err
	}
	var out *report
	err = whole(g.Close, func() error {
		if err := g.Start(setUp); err != nil {
			return err
		}
		clients, closeAll, err := dialAll(setUp, g, s.Clients)
		if err != nil {
			return err
		}
		defer closeAll()
		out, err = underLoad(ctx, g, clients, s)
		return err
	})
	if failedByItself(err) {
		fmt.Fprint(os.Stderr, g.Logs(logLines))
	}
	return out, err
}

func dialAll(ctx context.Context, g *group.Group, count int) (all []load.Invoker, closeAll func(), err error) {
	var closers []func()
	closeAll = func() {
		for _, c := range closers {
			c()
		}
	}
	for i := range count {
		c, err := dial(ctx, g, i)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		closers = append(closers, c.Close)
		all = append(all, c)
	}
	return all, closeAll, nil
}

func underLoad(ctx context.Context, g *group.Group, clients []load.Invoker, s spec) (*report, error) {
	var before, after []usage.Usage
	sample := func(to *[]usage.Usage) func() error {
		return func() (err error) {
			*to, err = usages(g)
			return err
		}
	}
	progress, finish := progressBar(s)
	measured, err := load.Run(ctx, load.Config{
		Clients: clients, InFlight: s.InFlight, Rate: s.Rate, Warmup: s.Warmup, Duration: s.Duration,
		Operation: load.Puts(s.Keys, s.ValueBytes), Begin: sample(&before), End: sample(&after),
	}, progress)
	finish()
	if err != nil {
		return nil, err
	}
	for _, r := range g.Replicas {
		if err := r.Check(); err != nil {
			return nil, err
		}
	}
	return newReport(g, s, measured, before, after), nil
}

// usages returns those of all replicas, and last that of this process.
func usages(g *group.Group) ([]usage.Usage, error) {
	var out []usage.Usage
	for _, r := range g.Replicas {
		u, err := usage.Of(r.PID())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
		out = append(out, u)
	}
	u, err := usage.Of(os.Getpid())
	return append(out, u), err
}

// progressBar shows on a terminal how far a run is.
func progressBar(s spec) (progress func(uint64), finish func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil, func() {}
	}
	whole := s.Warmup + s.Duration
	bar := progressbar.NewOptions64(whole.Milliseconds(), progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetWidth(30),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
	began, last, lastAt := time.Now(), uint64(0), time.Now()
	progress = func(operations uint64) {
		now := time.Now()
		bar.Describe(fmt.Sprintf("%8.0f ops/s", float64(operations-last)/now.Sub(lastAt).Seconds()))
		last, lastAt = operations, now
		_ = bar.Set64(min(now.Sub(began), whole).Milliseconds()) // a bar that fails harms nothing
	}
	return progress, func() { _ = bar.Finish() }
}
