package load

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/varangian-bft/varangian/client"
)

// A service answers after a time of its own, in the virtual time of the test.
type service func(ctx context.Context, op []byte) error

func (s service) Invoke(ctx context.Context, op []byte, _ ...client.InvokeOption) (client.Result, error) {
	return client.Result{}, s(ctx, op)
}

func takes(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
	if context.Cause(ctx) == context.DeadlineExceeded {
		return nil
	}
	return ctx.Err()
}

func nothing() error { return nil }

func measure(t *testing.T, cfg Config) Measured {
	t.Helper()
	cfg.Operation = Puts(10, 16)
	if cfg.Begin == nil {
		cfg.Begin, cfg.End = nothing, nothing
	}
	m, err := Run(context.Background(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func near(have, want float64) bool { return math.Abs(have-want) <= want/100 }

// In a closed loop the rate follows from latency and places in flight.
func TestClosedLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := service(func(ctx context.Context, _ []byte) error { return takes(ctx, 10*time.Millisecond) })
		m := measure(t, Config{Clients: []Invoker{slow, slow}, InFlight: 5, Warmup: time.Second, Duration: 2 * time.Second})
		if m.Elapsed != 2*time.Second || !near(float64(m.Operations), 2000) {
			t.Errorf("%d operations in %v, want about 2000 in 2s", m.Operations, m.Elapsed)
		}
		if p50, p99 := m.Latency.ValueAtQuantile(50), m.Latency.ValueAtQuantile(99); !near(float64(p50), 10_000) || !near(float64(p99), 10_000) {
			t.Errorf("p50 %d µs, p99 %d µs, want 10 ms", p50, p99)
		}
		if len(m.Errors) != 0 {
			t.Errorf("errors %v", m.Errors)
		}
	})
}

// In an open loop a pause of the service shows in every operation that was due
// meanwhile, not only in those that were under way.
func TestOpenLoopCountsWhatAPauseHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		pausing := service(func(ctx context.Context, _ []byte) error {
			if since := time.Since(began); since >= time.Second && since < 2*time.Second {
				return takes(ctx, 2*time.Second-since)
			}
			return takes(ctx, time.Millisecond)
		})
		m := measure(t, Config{Clients: []Invoker{pausing}, InFlight: 4, Rate: 1000, Duration: 4 * time.Second})
		if !near(float64(m.Operations), 4000) {
			t.Errorf("%d operations at 1000 per second in 4 s", m.Operations)
		}
		// Those due in the second of the pause wait from 1 s down to nothing.
		if p80, p99 := m.Latency.ValueAtQuantile(80), m.Latency.ValueAtQuantile(99); p80 < 100_000 || p99 < 900_000 {
			t.Errorf("p80 %d µs, p99 %d µs: the pause was left out", p80, p99)
		}
	})
}

// What is due and finds no place within the bound is an error, and is not
// measured at all otherwise.
func TestOpenLoopSaysWhatItCouldNotBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := service(func(ctx context.Context, _ []byte) error { return takes(ctx, time.Minute) })
		m := measure(t, Config{Clients: []Invoker{stuck}, InFlight: 1, Rate: 100_000, Duration: time.Second})
		if late := float64(m.Errors["late"]); !near(late, 100_000-dueCountMax) {
			t.Errorf("%v operations late, want about %d", late, 100_000-dueCountMax)
		}
	})
}

func TestErrorsAreCountedByKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		kinds := []error{client.ErrTimeout, client.ErrOverloaded, client.ErrRejected, errors.New("fire"), nil}
		failing := service(func(ctx context.Context, _ []byte) error {
			return errors.Join(takes(ctx, time.Millisecond), kinds[n.Add(1)%5])
		})
		m := measure(t, Config{Clients: []Invoker{failing}, InFlight: 1, Duration: time.Second})
		for _, kind := range []string{"timeout", "overloaded", "rejected", "other"} {
			if have := float64(m.Errors[kind]); math.Abs(have-200) > 2 {
				t.Errorf("%v errors of kind %s, want 200", have, kind)
			}
		}
		if math.Abs(float64(m.Operations)-200) > 2 {
			t.Errorf("%d operations, want 200", m.Operations)
		}
	})
}

// Begin and End fall on both ends of the measured time, and their errors end it.
func TestEndsOfTheMeasuredTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fast := service(func(ctx context.Context, _ []byte) error { return takes(ctx, time.Millisecond) })
		start := time.Now()
		var begin, end time.Duration
		cfg := Config{
			Clients: []Invoker{fast}, InFlight: 1, Warmup: time.Second, Duration: time.Second,
			Begin: func() error { begin = time.Since(start); return nil },
			End:   func() error { end = time.Since(start); return nil },
		}
		measure(t, cfg)
		if begin != time.Second || end != 2*time.Second {
			t.Errorf("measured from %v to %v", begin, end)
		}
		broken := errors.New("no figures")
		cfg.Operation, cfg.Begin = Puts(1, 1), func() error { return broken }
		if _, err := Run(context.Background(), cfg, nil); !errors.Is(err, broken) {
			t.Errorf("err = %v", err)
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(broken)
		if _, err := Run(ctx, cfg, nil); !errors.Is(err, broken) {
			t.Errorf("err = %v after the context ended", err)
		}
	})
}

// Two runs put the same operations on the group.
func TestWorkersRepeat(t *testing.T) {
	puts := Puts(1000, 128)
	a, b, c := newWorker(1, 2), newWorker(1, 2), newWorker(1, 3)
	same := 0
	for range 100 {
		x, y, z := puts(a), puts(b), puts(c)
		if string(x) != string(y) {
			t.Fatal("the same worker made two different operations")
		}
		if string(x) == string(z) {
			same++
		}
	}
	if same > 0 {
		t.Errorf("two workers made the same operation %d times", same)
	}
}
