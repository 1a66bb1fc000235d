package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"
)

// narrateEvery is how often a hunt says how far it is.
const narrateEvery = 5 * time.Second

func (t *totals) narrate(ctx context.Context, out io.Writer, began time.Time) {
	ticker := time.NewTicker(narrateEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			t.mu.Lock()
			fmt.Fprintf(out, "%6v  %d schedules, %.1f simulated hours\n", time.Since(began).Round(time.Second), t.schedules, t.virtual.Hours())
			t.mu.Unlock()
		}
	}
}

func share(part, whole int) string {
	if whole == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%.0f%%)", part, 100*float64(part)/float64(whole))
}

// table prints what all runs came to, and what they reached.
func (t *totals) table(out io.Writer, took, cores time.Duration, workers int) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "%-44s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("schedules", "%d", t.schedules)
	line("with f Byzantine replicas", "%s", share(t.byzantine, t.schedules))
	line("with Ed25519 instead of simulated signatures", "%s", share(t.real, t.schedules))
	var sizes []string
	for _, n := range slices.Sorted(maps.Keys(t.sizes)) {
		sizes = append(sizes, fmt.Sprintf("%d: %d", n, t.sizes[n]))
	}
	line("groups by replicas", "%s", strings.Join(sizes, ", "))
	line("simulated time", "%.1f hours", t.virtual.Hours())
	line("real time", "%v, %d worlds at a time", took.Round(100*time.Millisecond), workers)
	line("processor time", "%v", cores.Round(100*time.Millisecond))
	line("speed for each core at work", "%.0f times real time", t.virtual.Seconds()/max(cores.Seconds(), 1e-3))
	line("operations", "%d", t.completed)
	line("longest recovery after the faults", "%v simulated", t.settled.Round(time.Second))
	fmt.Fprintln(out, "\nreached:")
	missed := 0
	for _, c := range t.coverage.Counts() {
		if c.Times == 0 {
			missed++
			continue
		}
		fmt.Fprintf(out, "%12d  %s\n", c.Times, c.Name)
	}
	if missed == 0 {
		return
	}
	fmt.Fprintln(out, "\nnever reached:")
	for _, c := range t.coverage.Counts() {
		if c.Times == 0 {
			fmt.Fprintf(out, "%12d  %s\n", c.Times, c.Name)
		}
	}
}

// processorTime is what this process used so far, on all cores.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
