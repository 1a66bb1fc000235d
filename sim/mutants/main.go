package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

type options struct {
	run      string
	fifth    int
	parallel int
	rounds   int
	verbose  bool
	simOnly  bool
}

func run() error {
	var o options
	flag.StringVar(&o.run, "run", "", "only mutants whose name or rule matches this expression")
	flag.IntVar(&o.fifth, "fifth", -1, "only the fifth with this number, 0 to 4; -1 for all")
	flag.IntVar(&o.parallel, "parallel", 2, "how many at a time")
	flag.IntVar(&o.rounds, "rounds", 2, "how many seeds each schedule gets")
	flag.BoolVar(&o.simOnly, "sim", false, "ask the simulator only: what gets past it survives")
	flag.BoolVar(&o.verbose, "v", false, "say for each what the checker said, and why the mutant is wrong")
	flag.Parse()
	chosen, err := choose(o)
	if err != nil {
		return err
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "varangian-mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	w := &workshop{ctx: ctx, root: root, folder: folder, rounds: o.rounds, simOnly: o.simOnly}
	verdicts := w.tryAll(chosen, o)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return errors.Join(report(verdicts), w.control(verdicts))
}

func choose(o options) ([]mutant, error) {
	pattern, err := regexp.Compile(o.run)
	if err != nil {
		return nil, err
	}
	if o.fifth < -1 || o.fifth > 4 {
		return nil, errors.New("-fifth is from 0 to 4, or -1 for all")
	}
	var chosen []mutant
	for _, m := range all() {
		if (pattern.MatchString(m.name) || pattern.MatchString(m.rule)) && (o.fifth < 0 || m.fifth() == o.fifth) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		return nil, errors.New("no mutant is chosen")
	}
	return chosen, nil
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// control shows that the code as it is passes what caught the mutants, schedule by
// schedule and seed by seed.
func (w *workshop) control(verdicts []verdict) error {
	var these []string
	for _, v := range verdicts {
		if v.seed > 0 {
			these = append(these, fmt.Sprintf("%s@%d", v.by, v.seed))
		}
	}
	if these == nil {
		return nil
	}
	slices.Sort(these)
	these = slices.Compact(these)
	start := time.Now()
	binary := filepath.Join(w.folder, "control")
	if out, err := w.build(w.ctx, binary).CombinedOutput(); err != nil {
		return fmt.Errorf("the probe does not compile:\n%s", out)
	}
	if v := w.probe(binary, false, "-these="+strings.Join(these, ",")); v.caught || v.invalid {
		return fmt.Errorf("the code as it is fails too, in %s with seed %d: %s", v.by, v.seed, v.detail)
	}
	fmt.Printf("the code as it is passes all %d schedules that caught a mutant (%.1f s)\n", len(these), time.Since(start).Seconds())
	return nil
}

func (w *workshop) tryAll(chosen []mutant, o options) []verdict {
	jobs := make(chan mutant)
	var mu sync.Mutex
	var verdicts []verdict
	var group sync.WaitGroup
	for range max(o.parallel, 1) {
		group.Go(func() {
			for m := range jobs {
				if w.ctx.Err() != nil {
					continue
				}
				v := w.try(m)
				mu.Lock()
				verdicts = append(verdicts, v)
				v.print(o.verbose)
				mu.Unlock()
			}
		})
	}
	for _, m := range chosen {
		jobs <- m
	}
	close(jobs)
	group.Wait()
	return verdicts
}

func (v verdict) print(verbose bool) {
	fate := "SURVIVES"
	switch {
	case v.invalid:
		fate = "INVALID: " + v.by
	case v.last:
		fate = "caught by " + v.by
	case v.caught:
		fate = fmt.Sprintf("caught by %s, seed %d", v.by, v.seed)
	}
	fmt.Printf("%-34s %-9s %s (%.1f s)\n", v.name, v.rule, fate, v.took.Seconds())
	if verbose || v.invalid {
		fmt.Printf("    %s\n", strings.TrimSpace(v.detail))
	}
	if verbose || !v.caught {
		fmt.Printf("    %s: %s\n", v.file, v.why)
	}
	if verbose && v.masked != "" {
		fmt.Printf("    the simulator cannot see it: %s\n", v.masked)
	}
}

// report prints who caught how many, and fails if any mutant got away.
func report(verdicts []verdict) error {
	counts := map[string]int{}
	var bad []string
	for _, v := range verdicts {
		counts[v.checker()]++
		if !v.caught || v.invalid {
			bad = append(bad, v.name)
		}
	}
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	fmt.Println()
	for _, name := range names {
		fmt.Printf("%4d  %s\n", counts[name], name)
	}
	slices.SortFunc(verdicts, func(a, b verdict) int { return cmp.Compare(a.took, b.took) })
	slowest := verdicts[len(verdicts)-1]
	fmt.Printf("%d mutants; median %.1f s, slowest %.1f s (%s)\n", len(verdicts),
		verdicts[len(verdicts)/2].took.Seconds(), slowest.took.Seconds(), slowest.name)
	if len(bad) > 0 {
		slices.Sort(bad)
		return fmt.Errorf("%d of %d mutants were not caught: %s", len(bad), len(verdicts), strings.Join(bad, ", "))
	}
	return nil
}

// checker names the invariant that caught a mutant: what its message begins with.
func (v verdict) checker() string {
	switch {
	case v.invalid:
		return "INVALID: " + v.by
	case !v.caught:
		return "SURVIVES"
	case v.last:
		return "tests of the package"
	case v.by == "hang" || v.by == "runtime":
		return v.by
	}
	name, _, _ := strings.Cut(v.detail, ":")
	return name
}
