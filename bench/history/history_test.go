package history

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// A store executes as the service does, under a lock, and may lie now and then.
type store struct {
	mu    sync.Mutex
	state map[string]string
	calls int
	lies  bool
}

func (s *store) Invoke(_ context.Context, op []byte, _ ...client.InvokeOption) (client.Result, error) {
	return s.run(op)
}

func (s *store) Query(_ context.Context, op []byte, _ ...client.InvokeOption) (client.Result, error) {
	return s.run(op)
}

func (s *store) run(op []byte) (client.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	return client.Result{Value: serve(s.state, op, s.lies && s.calls%10 == 0)}, nil
}

// serve is the service in small. It tells what a call is by trying all of them.
func serve(state map[string]string, op []byte, lie bool) []byte {
	for key, now := range state {
		switch string(op) {
		case string(kv.Get([]byte(key))):
			if lie {
				now = "0"
			}
			return encodeValue(now)
		case string(kv.Increment([]byte(key), 1)):
			state[key] = increment(now)
			return encodeSum(state[key])
		case string(kv.Delete([]byte(key))):
			state[key] = absent
			return []byte{truth(now != absent)}
		}
	}
	return nil
}

func encodeValue(s string) []byte {
	if s == absent {
		return []byte{0}
	}
	return append([]byte{1, byte(len(s) >> 16), byte(len(s) >> 8), byte(len(s))}, s...)
}

func increment(s string) string {
	_, next := (&call{kind: add}).apply(s)
	return next
}

func encodeSum(s string) []byte {
	n := uint64(0)
	for _, c := range s {
		n = 10*n + uint64(c-'0')
	}
	out := make([]byte, 8)
	for i := range out {
		out[i] = byte(n >> (56 - 8*i))
	}
	return out
}

func truth(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// counters is a load on one counter only, which the small service knows.
func counters(t *testing.T, s *store) *Book {
	t.Helper()
	b := newBook(Config{Clients: []Client{s}, Prefix: "c", Keys: 2, Timeout: time.Minute})
	s.state = map[string]string{"c/1.0": absent}
	for id := range 3 {
		w := &worker{book: b, id: id, place: 1, random: rand.New(rand.NewPCG(1, uint64(id)))}
		b.workers.Go(func() {
			for range 60 {
				c := w.next()
				if err := w.do(context.Background(), c); err != nil {
					b.fail(err)
					return
				}
				b.note(0, c)
			}
		})
	}
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCounters(t *testing.T) {
	v, err := counters(t, &store{}).Check(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if v != (Verdict{Keys: 1, Acknowledged: 180}) {
		t.Errorf("verdict %+v", v)
	}
	_, err = counters(t, &store{lies: true}).Check(time.Minute)
	if err == nil || !strings.Contains(err.Error(), "no order explains the 180 operations under key c/1.0") {
		t.Errorf("a store that forgets: %v", err)
	}
}

// What each kind of call may be told in a state.
func TestApply(t *testing.T) {
	yes := client.OutcomeYes
	for name, c := range map[string]struct {
		call     call
		state    string
		possible bool
		next     string
	}{
		"read":                  {call{kind: read, outcome: yes, found: "a"}, "a", true, "a"},
		"read of another value": {call{kind: read, outcome: yes, found: "a"}, "b", false, "b"},
		"read of nothing":       {call{kind: read, outcome: yes, found: absent}, absent, true, absent},
		"write":                 {call{kind: write, outcome: yes, value: "b"}, "a", true, "b"},
		"compare, equal":        {call{kind: compare, outcome: yes, old: "a", value: "b", set: true, found: "a"}, "a", true, "b"},
		"compare, unequal":      {call{kind: compare, outcome: yes, old: "a", value: "b", found: "c"}, "c", true, "c"},
		"compare that lies":     {call{kind: compare, outcome: yes, old: "a", value: "b", set: true, found: "a"}, "c", false, "c"},
		"compare, no answer":    {call{kind: compare, outcome: client.OutcomeMaybe, old: "a", value: "b"}, "a", true, "b"},
		"add":                   {call{kind: add, outcome: yes, sum: 8}, "7", true, "8"},
		"add to nothing":        {call{kind: add, outcome: yes, sum: 1}, absent, true, "1"},
		"add, lost":             {call{kind: add, outcome: yes, sum: 8}, "8", false, "9"},
		"add, no answer":        {call{kind: add, outcome: client.OutcomeMaybe}, "8", true, "9"},
		"remove":                {call{kind: remove, outcome: yes, set: true}, "a", true, absent},
		"remove of nothing":     {call{kind: remove, outcome: yes, set: true}, absent, false, absent},
	} {
		possible, next := c.call.apply(c.state)
		if possible != c.possible || next != c.next {
			t.Errorf("%s in state %q: possible %v, then %q; want %v, %q", name, c.state, possible, next, c.possible, c.next)
		}
	}
}

// A write without an answer may take effect late, and an overlap excuses either
// order; a read from before a finished write does not.
func TestCheck(t *testing.T) {
	yes, maybe := client.OutcomeYes, client.OutcomeMaybe
	for name, c := range map[string]struct {
		calls []*call
		legal bool
	}{
		"late write": {[]*call{
			{kind: write, value: "a", began: 0, ended: 1, outcome: maybe},
			{kind: read, found: absent, began: 2, ended: 3, outcome: yes},
			{kind: read, found: "a", began: 4, ended: 5, outcome: yes},
		}, true},
		"stale read": {[]*call{
			{kind: write, value: "a", began: 0, ended: 1, outcome: yes},
			{kind: read, found: absent, began: 2, ended: 3, outcome: yes},
		}, false},
		"overlap": {[]*call{
			{kind: write, value: "a", began: 0, ended: 3, outcome: yes},
			{kind: read, found: absent, began: 2, ended: 4, outcome: yes},
		}, true},
		"never, and yet": {[]*call{
			{kind: write, value: "a", began: 0, ended: 1, outcome: client.OutcomeNever},
			{kind: read, found: "a", began: 2, ended: 3, outcome: yes},
		}, false},
	} {
		b := &Book{calls: c.calls}
		if _, err := b.Check(time.Minute); (err == nil) != c.legal {
			t.Errorf("%s: %v, want legal: %v", name, err, c.legal)
		}
	}
}

// An error that no fault explains ends the load and is told.
func TestUnexplained(t *testing.T) {
	b := Start(t.Context(), Config{Clients: []Client{broken{}}, Prefix: "p", Keys: 2, Workers: 1, Timeout: time.Minute})
	b.workers.Wait()
	if err := b.Stop(); !errors.Is(err, client.ErrClosed) {
		t.Errorf("err = %v", err)
	}
}

// A client that gets no answer any more is told, whatever the others are: its history
// alone would be explained by anything.
func TestAwait(t *testing.T) {
	b := newBook(Config{Clients: []Client{broken{}, broken{}}})
	answered := func(by int) { b.note(by, &call{outcome: client.OutcomeYes}) }
	answered(0)
	answered(1) // before: of no account
	wedged, stop := context.WithCancelCause(t.Context())
	stop(errors.New("too late"))
	if err := b.Await(wedged); err == nil || !strings.Contains(err.Error(), "got no answer: too late") {
		t.Errorf("nobody is answered: %v", err)
	}
	for name, by := range map[string][]int{"client 1 not": {0, 0, 0}, "client 0 not": {1, 1, 1}, "both": {0, 1}} {
		synctest.Test(t, func(t *testing.T) {
			b := newBook(Config{Clients: []Client{broken{}, broken{}}})
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("too late"))
			defer cancel()
			done := make(chan error)
			go func() { done <- b.Await(ctx) }()
			synctest.Wait()
			b.note(1, &call{outcome: client.OutcomeMaybe})
			for _, i := range by {
				b.note(i, &call{outcome: client.OutcomeYes})
			}
			err := <-done
			silent, _, one := strings.Cut(name, " not")
			if !one && err != nil || one && (err == nil || !strings.Contains(err.Error(), silent+" ")) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	b.fail(client.ErrClosed)
	if err := b.Await(t.Context()); !errors.Is(err, client.ErrClosed) {
		t.Errorf("after a failure: %v", err)
	}
}

// Answers that are too few are an error, too.
func TestMostlyAnswered(t *testing.T) {
	for _, c := range []struct {
		v    Verdict
		most bool
	}{
		{Verdict{Acknowledged: 1000, Unknown: 0}, true},
		{Verdict{Acknowledged: 1000, Unknown: 74}, true},
		{Verdict{Acknowledged: 1000, Unknown: 75}, false},
		{Verdict{Acknowledged: 0, Unknown: 24}, false},
	} {
		if err := c.v.MostlyAnswered(24); (err == nil) != c.most {
			t.Errorf("%+v: %v", c.v, err)
		}
	}
}

type broken struct{}

func (broken) Invoke(context.Context, []byte, ...client.InvokeOption) (client.Result, error) {
	return client.Result{}, client.ErrClosed
}

func (broken) Query(context.Context, []byte, ...client.InvokeOption) (client.Result, error) {
	return client.Result{}, client.ErrClosed
}
