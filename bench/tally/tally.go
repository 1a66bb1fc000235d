// Package tally puts a load of writes on a group, of which it knows what became,
// and afterwards compares the state with that: each acknowledged write must be
// there exactly once, and each other one at most once.
//
// It does not judge how fast the group is; it only tells how long it paused.
//
// The caller
//
//  1. gives each Tally a prefix of its own, under which nobody else writes;
//  2. stops the load, by way of Stop, before Check.
package tally

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// A fate is what became of one write.
type fate uint8

const (
	acknowledged fate = iota
	unknown           // it may have been executed
	never
)

// A Client is the part of *client.Client that a Tally uses.
type Client interface {
	Invoke(ctx context.Context, op []byte, opts ...client.InvokeOption) (client.Result, error)
}

// writesMax bounds the writes of one worker, and so the memory of a Tally and the
// time of Check.
const writesMax = 100_000

// A Tally is a load and its book. All methods are safe for concurrent use.
type Tally struct {
	client  Client
	prefix  string
	goOn    bool
	timeout time.Duration
	every   time.Duration
	stop    chan struct{}
	stopped sync.Once
	workers sync.WaitGroup

	mu      sync.Mutex
	fates   [][]fate // of each worker's writes, in order
	acks    int
	last    time.Time // of the last acknowledgement
	pause   time.Duration
	failure error
	moved   chan struct{} // closed and renewed at each acknowledgement
}

// An Option changes a Tally.
type Option func(*Tally)

// GoOn lets the workers go on after a write that got no answer within a time,
// where such are to be expected.
func GoOn(timeout time.Duration) Option {
	return func(t *Tally) { t.goOn, t.timeout = true, timeout }
}

// Every sets the least time from one write of a worker to its next one.
func Every(d time.Duration) Option { return func(t *Tally) { t.every = d } }

// Start starts workers that each write one thing after the other.
func Start(ctx context.Context, c Client, prefix string, workers int, opts ...Option) *Tally {
	t := &Tally{
		client: c, prefix: prefix, stop: make(chan struct{}), fates: make([][]fate, workers), last: time.Now(),
		moved: make(chan struct{}),
	}
	for _, o := range opts {
		o(t)
	}
	for w := range workers {
		t.workers.Go(func() { t.work(ctx, w) })
	}
	return t
}

// key is that of one write; in the order of their numbers.
func (t *Tally) key(worker, write int) []byte {
	return fmt.Appendf(nil, "%s/%03d/%07d", t.prefix, worker, write)
}

func (t *Tally) sumKey(worker int) []byte { return fmt.Appendf(nil, "%s/%03d=sum", t.prefix, worker) }

// work adds 1 under a key of its own for each write, and to a sum with it: a
// write that was executed twice shows as 2, and half of one in the sum.
func (t *Tally) work(ctx context.Context, worker int) {
	pace := time.NewTicker(max(t.every, 1))
	defer pace.Stop()
	for write := range writesMax {
		select {
		case <-t.stop:
			return
		case <-ctx.Done():
			return
		case <-pace.C:
		}
		op := kv.Atomic(kv.Increment(t.key(worker, write), 1), kv.Increment(t.sumKey(worker), 1))
		if !t.record(worker, t.invoke(ctx, op)) {
			return
		}
	}
}

func (t *Tally) invoke(ctx context.Context, op []byte) error {
	if t.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.timeout)
		defer cancel()
	}
	_, err := t.client.Invoke(ctx, op)
	return err
}

// record notes the fate of a worker's next write; false ends the worker.
func (t *Tally) record(worker int, err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := acknowledged
	switch client.OutcomeOf(err) {
	case client.OutcomeMaybe:
		f = unknown
	case client.OutcomeNever:
		f = never
	default:
		now := time.Now()
		t.pause = max(t.pause, now.Sub(t.last))
		t.last = now
		t.acks++
		close(t.moved)
		t.moved = make(chan struct{})
	}
	t.fates[worker] = append(t.fates[worker], f)
	if err == nil || t.goOn && (errors.Is(err, client.ErrTimeout) || errors.Is(err, client.ErrOverloaded)) {
		return true
	}
	if t.failure == nil {
		t.failure = err
	}
	// Without an answer the next write would not get one either, and a refusal
	// repeats itself.
	return false
}

// Acknowledged returns how many writes were acknowledged so far.
func (t *Tally) Acknowledged() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.acks
}

// Await returns once so many writes are acknowledged, or with an error if a write
// failed before, or ctx is done.
func (t *Tally) Await(ctx context.Context, acks int) error {
	for {
		t.mu.Lock()
		have, failure, moved := t.acks, t.failure, t.moved
		t.mu.Unlock()
		if have >= acks {
			return nil
		}
		if failure != nil {
			return fmt.Errorf("a write failed: %w", failure)
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("%d writes acknowledged of %d waited for: %w", have, acks, context.Cause(ctx))
		}
	}
}

// Mark begins a new measurement of the longest pause.
func (t *Tally) Mark() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pause, t.last = 0, time.Now()
}

// Pause returns the longest time without an acknowledgement since Mark.
func (t *Tally) Pause() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(t.pause, time.Since(t.last))
}

// Stop ends the load once the writes under way have ended, and returns the first
// error of one.
func (t *Tally) Stop() error {
	t.stopped.Do(func() { close(t.stop) })
	t.workers.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failure
}
