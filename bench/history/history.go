// Package history has several clients read, write, compare and count under few
// keys at once, notes what each was told and when, and then looks for an order of
// all operations that explains it: the group has to look like one key-value store
// that does one thing at a time (linearizability).
//
// What the store answers is written down here anew, apart from the service.
//
// The caller stops the load, by way of Stop, before Check.
package history

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/varangian-bft/varangian/client"
)

const (
	// keyCallsMax bounds the history of one key, since the search for an order can
	// take exponential time: the workers then turn to a new key.
	keyCallsMax = 300
	// callsMax bounds the memory of a Book.
	callsMax = 2_000_000
)

// A Client is the part of *client.Client that a Book uses.
type Client interface {
	Invoke(ctx context.Context, op []byte, opts ...client.InvokeOption) (client.Result, error)
	Query(ctx context.Context, op []byte, opts ...client.InvokeOption) (client.Result, error)
}

// Config says which load to put on.
type Config struct {
	Clients []Client
	Prefix  string        // under which nobody else writes
	Keys    int           // at once; every second one is a counter
	Workers int           // for each key
	Timeout time.Duration // of one operation
	Every   time.Duration // least time from one operation of a worker to its next one
	Seed    uint64
}

// A Book is a load and what became of it. All methods are safe for concurrent use.
type Book struct {
	cfg     Config
	began   time.Time
	stop    chan struct{}
	stopped sync.Once
	workers sync.WaitGroup
	places  []place

	mu      sync.Mutex
	calls   []*call
	acks    []int         // of each client
	moved   chan struct{} // closed and renewed at each acknowledgement
	failure error
}

// A place is a key in use, and how often it was.
type place struct{ calls atomic.Int64 }

// Start starts the load.
func Start(ctx context.Context, cfg Config) *Book {
	b := newBook(cfg)
	for w := range cfg.Keys * cfg.Workers {
		k := &worker{
			book: b, client: w % len(cfg.Clients), id: w, place: w % cfg.Keys,
			random: rand.New(rand.NewPCG(cfg.Seed, uint64(w))),
		}
		b.workers.Go(func() { k.run(ctx) })
	}
	return b
}

func newBook(cfg Config) *Book {
	return &Book{
		cfg: cfg, began: time.Now(), stop: make(chan struct{}), places: make([]place, cfg.Keys),
		acks: make([]int, len(cfg.Clients)), moved: make(chan struct{}),
	}
}

// Await returns once each client had one more operation acknowledged, or with an
// error if an operation failed, or ctx is done: a client that gets no answer any more
// has a history that anything explains.
func (b *Book) Await(ctx context.Context) error {
	var before []int
	for {
		b.mu.Lock()
		now, failure, moved := slices.Clone(b.acks), b.failure, b.moved
		b.mu.Unlock()
		if before == nil {
			before = now
		}
		silent := -1
		for i := range now {
			if now[i] == before[i] {
				silent = i
			}
		}
		if silent < 0 {
			return nil
		}
		if failure != nil {
			return fmt.Errorf("an operation failed: %w", failure)
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("client %d of the history got no answer: %w", silent, context.Cause(ctx))
		}
	}
}

// Stop ends the load once the operations under way have ended, and returns the
// first error that no disturbance of the group explains.
func (b *Book) Stop() error {
	b.stopped.Do(func() { close(b.stop) })
	b.workers.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failure
}

// key names the key that a place uses now.
func (b *Book) key(place int) string {
	generation := (b.places[place].calls.Add(1) - 1) / keyCallsMax
	return fmt.Sprintf("%s/%d.%d", b.cfg.Prefix, place, generation)
}

// note enters a call of a client that has ended; false ends the worker.
func (b *Book) note(by int, c *call) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, c)
	if c.outcome == client.OutcomeYes {
		b.acks[by]++
		close(b.moved)
		b.moved = make(chan struct{})
	}
	return b.failure == nil && len(b.calls) < callsMax
}

func (b *Book) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failure == nil {
		b.failure = err
	}
}

func (b *Book) now() int64 { return int64(time.Since(b.began)) }

// A worker does one operation after the other under the key of its place.
type worker struct {
	book   *Book
	client int // of the book's
	id     int
	place  int
	count  int
	last   string // value that it saw last, to compare with
	random *rand.Rand
}

func (w *worker) run(ctx context.Context) {
	pace := time.NewTicker(max(w.book.cfg.Every, 1))
	defer pace.Stop()
	for {
		select {
		case <-w.book.stop:
			return
		case <-ctx.Done():
			return
		case <-pace.C:
		}
		c := w.next()
		if err := w.do(ctx, c); err != nil {
			w.book.fail(fmt.Errorf("%s: %w", c, err))
			return
		}
		if !w.book.note(w.client, c) {
			return
		}
	}
}

// next draws an operation. No two write the same value.
func (w *worker) next() *call {
	w.count++
	c := &call{key: w.book.key(w.place), worker: w.id, value: fmt.Sprintf("%d.%d", w.id, w.count), old: w.last}
	n := w.random.IntN(100)
	if w.place%2 == 1 {
		switch {
		case n < 45:
			c.kind, c.value = add, ""
		case n < 95:
			c.kind = read
		default:
			c.kind = remove
		}
		return c
	}
	switch {
	case n < 30:
		c.kind = write
	case n < 65:
		c.kind = read
	case n < 95:
		c.kind = compare
	default:
		c.kind = remove
	}
	return c
}

// do carries a call out. An error is one that no fault of at most f replicas
// explains.
func (w *worker) do(ctx context.Context, c *call) error {
	ctx, cancel := context.WithTimeout(ctx, w.book.cfg.Timeout)
	defer cancel()
	by := w.book.cfg.Clients[w.client]
	invoke := by.Invoke
	if c.kind == read {
		invoke = by.Query
	}
	c.began = w.book.now()
	result, err := invoke(ctx, c.operation())
	c.ended = w.book.now()
	c.outcome = client.OutcomeOf(err)
	if err != nil {
		if errors.Is(err, client.ErrTimeout) || errors.Is(err, client.ErrOverloaded) || errors.Is(err, client.ErrCancelled) {
			return nil
		}
		return err
	}
	if err := c.told(result.Value); err != nil {
		return err
	}
	if w.last = absent; c.kind == read || c.kind == compare {
		w.last = c.found
	}
	if c.kind == write || c.kind == compare && c.set {
		w.last = c.value
	}
	return nil
}
