package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/varangian-bft/varangian/sim/twins"
)

// runTwins runs every scenario of one twin among four replicas.
func runTwins(ctx context.Context, out, progress io.Writer) error {
	began := time.Now()
	var mu sync.Mutex
	told := began
	r, err := twins.Run(0, func(done int) bool {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(told) >= narrateEvery {
			told = time.Now()
			fmt.Fprintf(progress, "%6v  %d of %d scenarios\n", time.Since(began).Round(time.Second), done, twins.Total)
		}
		return ctx.Err() == nil
	})
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	took := time.Since(began)
	fmt.Fprintf(out, "%v\n%.0f scenarios a second (%v)\n", r, float64(r.Scenarios)/took.Seconds(), took.Round(100*time.Millisecond))
	for _, f := range r.Broken {
		fmt.Fprintf(out, "%v: %s\n", f.Scenario, f.What)
	}
	if len(r.Broken) > 0 {
		return fmt.Errorf("safety broke in %d scenarios", len(r.Broken))
	}
	return nil
}
