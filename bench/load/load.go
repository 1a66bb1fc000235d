// Package load drives a group through the client library and measures how long
// each operation took.
//
// In a closed loop a fixed number of operations is in flight, and the next begins
// when one ends. In an open loop operations begin at a fixed rate, whatever
// becomes of earlier ones, and are measured from the moment they were due: a
// pause of the service then shows in as many operations as it held up.
//
// The package checks no result beyond its error, and starts no replica.
//
// The caller closes the clients, after Run has returned.
package load

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/varangian-bft/varangian/client"
)

const (
	latencyMin    = int64(1)          // µs
	latencyMax    = int64(60_000_000) // µs; a longer one counts as this
	latencyDigits = 3
	dueCountMax   = 1 << 16 // operations of an open loop that wait for a free place
	paceInterval  = time.Millisecond
)

// An Invoker executes an operation: a *client.Client.
type Invoker interface {
	Invoke(ctx context.Context, op []byte, opts ...client.InvokeOption) (client.Result, error)
}

// Config says which load to put on.
type Config struct {
	Clients   []Invoker
	InFlight  int     // operations of one client at once, at most
	Rate      float64 // operations per second of all clients; 0 is a closed loop
	Warmup    time.Duration
	Duration  time.Duration               // that is measured
	Operation func(worker *Worker) []byte // makes an operation; called by one goroutine per worker

	Begin, End func() error // called at both ends of the measured time
}

// Measured is what came of the measured time. Operations that began or ended
// outside it are not in it, but for those that began in the warm-up.
type Measured struct {
	Elapsed    time.Duration
	Operations uint64            // acknowledged
	Errors     map[string]uint64 // by kind
	Latency    *hdrhistogram.Histogram
}

// The phases of a run.
const (
	warming int32 = iota
	measuring
	finished
)

type run struct {
	cfg      Config
	phase    atomic.Int32
	done     atomic.Uint64
	due      chan time.Time // of an open loop
	workers  sync.WaitGroup
	counters []*counter
}

// Run puts the load on and returns when its last operation has ended. Progress,
// which may be nil, is called from time to time with the operations so far.
func Run(ctx context.Context, cfg Config, progress func(operations uint64)) (Measured, error) {
	r := &run{cfg: cfg}
	inner, stop := context.WithCancel(ctx)
	defer stop()
	if cfg.Rate > 0 {
		r.due = make(chan time.Time, dueCountMax)
	}
	for i, c := range cfg.Clients {
		count := newCounter()
		r.counters = append(r.counters, count)
		for j := range cfg.InFlight {
			w := newWorker(uint64(i), uint64(j))
			r.workers.Go(func() { r.work(inner, c, w, count) })
		}
	}
	if cfg.Rate > 0 {
		r.workers.Go(func() { r.pace(inner) })
	}
	elapsed, err := r.phases(ctx, progress)
	r.phase.Store(finished)
	if err != nil {
		stop()
	}
	r.workers.Wait()
	if err != nil {
		return Measured{}, err
	}
	return r.sum(elapsed), nil
}

// phases waits for the end of warm-up and measured time.
func (r *run) phases(ctx context.Context, progress func(uint64)) (time.Duration, error) {
	if err := r.wait(ctx, r.cfg.Warmup, progress); err != nil {
		return 0, err
	}
	if err := r.cfg.Begin(); err != nil {
		return 0, err
	}
	began := time.Now()
	r.phase.Store(measuring)
	if err := r.wait(ctx, r.cfg.Duration, progress); err != nil {
		return 0, err
	}
	r.phase.Store(finished)
	elapsed := time.Since(began)
	return elapsed, r.cfg.End()
}

func (r *run) wait(ctx context.Context, d time.Duration, progress func(uint64)) error {
	end := time.NewTimer(d)
	defer end.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-end.C:
			return nil
		case <-tick.C:
			if progress != nil {
				progress(r.done.Load())
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// work invokes one operation after the other until the run is over.
func (r *run) work(ctx context.Context, c Invoker, w *Worker, count *counter) {
	for r.phase.Load() != finished && ctx.Err() == nil {
		begin := time.Now()
		if r.due != nil {
			var ok bool
			if begin, ok = <-r.due; !ok {
				return
			}
		}
		op := r.cfg.Operation(w)
		_, err := c.Invoke(ctx, op)
		took := time.Since(begin)
		if err == nil {
			r.done.Add(1)
		}
		if r.phase.Load() == measuring {
			count.add(took, err)
		}
	}
}

// pace says when operations are due, until the run is over.
func (r *run) pace(ctx context.Context) {
	defer close(r.due)
	tick := time.NewTicker(paceInterval)
	defer tick.Stop()
	began, said := time.Now(), uint64(0)
	every := float64(time.Second) / r.cfg.Rate
	for r.phase.Load() != finished && ctx.Err() == nil {
		for ; float64(said)*every <= float64(time.Since(began)); said++ {
			select {
			case r.due <- began.Add(time.Duration(float64(said) * every)):
			default:
				if r.phase.Load() == measuring {
					r.counters[0].add(0, errLate)
				}
			}
		}
		<-tick.C
	}
}

var errLate = errors.New("no free place: more operations are due than may be in flight")

func (r *run) sum(elapsed time.Duration) Measured {
	m := Measured{Elapsed: elapsed, Errors: map[string]uint64{}, Latency: newHistogram()}
	for _, c := range r.counters {
		m.Latency.Merge(c.latency)
		for kind, n := range c.errors {
			m.Errors[kind] += n
		}
	}
	m.Operations = uint64(m.Latency.TotalCount())
	return m
}
