package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/network"
)

func TestInvoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, cfg := newMemory(t)
		c := m.dial(t, cfg)
		for i, call := range []func(context.Context, []byte, ...InvokeOption) (Result, error){c.Invoke, c.Query, c.Admin} {
			r, err := call(t.Context(), []byte("x"), WithReceipt())
			if err != nil || string(r.Value) != "did x" || r.Class != consensus.ResultOK || r.Sequence != consensus.Sequence(2+i) {
				t.Fatalf("%+v, %v", r, err)
			}
			receipt, err := r.Receipt()
			if err != nil {
				t.Fatal(err)
			}
			encoding := MarshalReceipt(receipt)
			if got, err := VerifyReceipt(m.group, encoding); err != nil || got.Leaf.Sequence != r.Sequence {
				t.Errorf("%+v, %v", got, err)
			}
			encoding[len(encoding)/2]++
			if _, err := VerifyReceipt(m.group, encoding); err == nil {
				t.Error("a changed receipt is accepted")
			}
		}
		if kind := m.requests[3].Kind; kind != consensus.KindAdmin {
			t.Errorf("Admin sends a request of kind %d", kind)
		}
	})
}

// An operation whose context is done already is not executed.
func TestDoneContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, cfg := newMemory(t)
		c := m.dial(t, cfg)
		for _, want := range []error{context.Canceled, context.DeadlineExceeded} {
			ctx, cancel := context.WithCancel(t.Context())
			if errors.Is(want, context.DeadlineExceeded) {
				ctx, cancel = context.WithDeadline(ctx, time.Now())
			}
			cancel()
			for range 20 {
				if _, err := c.Invoke(ctx, []byte("x")); !errors.Is(err, want) || OutcomeOf(err) != OutcomeNever {
					t.Fatalf("%v: outcome %v", err, OutcomeOf(err))
				}
			}
		}
		synctest.Wait()
		if len(m.requests) > 0 {
			t.Errorf("%d requests were sent", len(m.requests))
		}
	})
}

// Thousands of concurrent Invokes share requests, and each gets its own result.
func TestConcurrentInvokes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, cfg := newMemory(t)
		c := m.dial(t, cfg)
		var tasks sync.WaitGroup
		for i := range 2000 {
			tasks.Go(func() {
				op := fmt.Sprint("op ", i)
				if r, err := c.Invoke(t.Context(), []byte(op)); err != nil || string(r.Value) != "did "+op {
					t.Errorf("%s: %s, %v", op, r.Value, err)
				}
			})
		}
		tasks.Wait()
		if len(m.requests) > 500 {
			t.Errorf("2000 operations travelled in %d requests", len(m.requests))
		}
		answers := c.InvokeAll(t.Context(), [][]byte{[]byte("a"), []byte("refuse b"), []byte("c")})
		if len(answers) != 3 || string(answers[2].Result.Value) != "did c" || answers[0].Err != nil || !errors.Is(answers[1].Err, ErrRejected) {
			t.Errorf("%+v", answers)
		}
		if c.InvokeAll(t.Context(), nil) != nil {
			t.Error("answers to nothing")
		}
	})
}

// Each error is typed, says what is missing, and whether the operation can have
// taken effect.
func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		op      string
		down    []consensus.ReplicaID
		context func(context.Context) (context.Context, context.CancelFunc)
		is      []error
		outcome Outcome
		text    string
	}{
		"application": {op: "refuse no\nfunds", is: []error{ErrRejected}, outcome: OutcomeNever, text: `refused by the application: no funds; the operation changed nothing`},
		"large": {
			op: strings.Repeat("x", 300<<10), is: []error{ErrRejected}, outcome: OutcomeNever,
			text: "does not fit into a request of 262144 bytes",
		},
		"overload": {op: "overload", is: []error{ErrOverloaded}, outcome: OutcomeMaybe, text: "overloaded until the time was up"},
		"no quorum": {
			op: "x", down: []consensus.ReplicaID{1, 2, 3}, is: []error{ErrTimeout}, outcome: OutcomeNever,
			text: "no answer in time: 1 of 4 replicas reachable, 3 needed for progress: r0 answered; r1, r2, r3 not connected: nothing answered at its address",
		},
		"deadline": {
			op: "x", down: []consensus.ReplicaID{1, 2, 3}, is: []error{ErrTimeout, context.DeadlineExceeded}, outcome: OutcomeNever,
			context: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Second)
			},
			text: "1 of 4 replicas reachable",
		},
		"cancelled": {
			op: "x", down: []consensus.ReplicaID{1, 2, 3}, is: []error{ErrCancelled, context.Canceled}, outcome: OutcomeNever,
			context: func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(time.Second, cancel)
				return ctx, cancel
			},
			text: "cancelled: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, cfg := newMemory(t, c.down...)
				client := m.dial(t, cfg)
				ctx := t.Context()
				if c.context != nil {
					var cancel context.CancelFunc
					ctx, cancel = c.context(ctx)
					defer cancel()
				}
				began := time.Now()
				_, err := client.Invoke(ctx, []byte(c.op))
				if err == nil || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%v, want %s", err, c.text)
				}
				for _, target := range c.is {
					if !errors.Is(err, target) {
						t.Errorf("%v is not %v", err, target)
					}
				}
				if got := OutcomeOf(err); got != c.outcome {
					t.Errorf("outcome %d, want %d", got, c.outcome)
				}
				if d := time.Since(began); d > TimeoutDefault+time.Second {
					t.Errorf("took %v", d)
				}
			})
		})
	}
	if OutcomeOf(nil) != OutcomeYes || OutcomeOf(errors.New("x")) != OutcomeMaybe {
		t.Error("outcomes of other errors")
	}
}

// A sent operation that was not answered may have been executed; of one that only reads
// nobody needs to know.
func TestOutcomeUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, cfg := newMemory(t)
		c := m.dial(t, cfg, WithTimeout(5*time.Second))
		if _, err := c.Invoke(t.Context(), []byte("x")); err != nil {
			t.Fatal(err)
		}
		m.mu.Lock()
		for id := range consensus.ReplicaID(3) {
			m.silent[id] = true
		}
		m.mu.Unlock()
		_, err := c.Invoke(t.Context(), []byte("y"))
		if !errors.Is(err, ErrTimeout) || OutcomeOf(err) != OutcomeMaybe || !strings.Contains(err.Error(), "r0, r1, r2 connected, no answer; r3 answered; the operation may") {
			t.Errorf("%v", err)
		}
		_, err = c.Invoke(t.Context(), []byte("z"), ReadOnly())
		if !errors.Is(err, ErrTimeout) || OutcomeOf(err) != OutcomeNever || strings.Contains(err.Error(), "the operation may") {
			t.Errorf("a read: %v", err)
		}
	})
}

// A client that everyone turns away is told at once, not at its time-out.
func TestTurnedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, cfg := newMemory(t)
		for i := range m.state {
			m.state[i] = link{cause: &network.Error{Reason: network.ReasonRefused}}
		}
		c := m.dial(t, cfg)
		began := time.Now()
		_, err := c.Invoke(t.Context(), []byte("op"))
		if !errors.Is(err, ErrForeignKey) || OutcomeOf(err) != OutcomeNever {
			t.Errorf("a client that is turned away gets %v", err)
		}
		if d := time.Since(began); d < awayMax || d > awayMax+time.Second {
			t.Errorf("it is told after %v", d)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, cfg := newMemory(t, 0, 1, 2, 3)
		c := m.dial(t, cfg)
		failed := make(chan error)
		go func() {
			_, err := c.Invoke(t.Context(), []byte("x"))
			failed <- err
		}()
		go func() {
			_, err := c.Status(t.Context(), 0)
			failed <- err
		}()
		synctest.Wait()
		c.Close()
		for range 2 {
			if err := <-failed; !errors.Is(err, ErrClosed) || OutcomeOf(err) != OutcomeNever {
				t.Errorf("%v", err)
			}
		}
		if _, err := c.Invoke(t.Context(), []byte("x")); !errors.Is(err, ErrClosed) {
			t.Errorf("%v", err)
		}
		c.Close()
	})
}

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, cfg := newMemory(t, 3)
		c := m.dial(t, cfg)
		if text, err := c.Status(t.Context(), 2); err != nil || string(text) != `{"replica":2}` {
			t.Errorf("%s, %v", text, err)
		}
		if _, err := c.Status(t.Context(), 3); !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "r3 not connected: nothing answered") {
			t.Errorf("%v", err)
		}
		if _, err := c.Status(t.Context(), 4); err == nil || !strings.Contains(err.Error(), "no replica 4") {
			t.Errorf("%v", err)
		}
	})
}

// Who sends what no correct replica sends is left.
func TestGarbage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, cfg := newMemory(t)
		c := m.dial(t, cfg)
		c.FromReplica(2, []byte{0})
		synctest.Wait()
		if len(m.cut) != 1 || m.cut[0] != 2 {
			t.Errorf("cut off: %v", m.cut)
		}
	})
}

func TestDial(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := Dial(t.Context(), Config{}); err == nil || !strings.Contains(err.Error(), "neither a group file nor a group") {
		t.Errorf("%v", err)
	}
	if _, err := Dial(t.Context(), Config{GroupFile: "testdata/none.toml"}); err == nil {
		t.Error("no file, no error")
	}
}

// Two processes that start in one instant, and one after the other, do not share
// a session (R26).
func TestSessionNumber(t *testing.T) {
	seen := map[consensus.SessionNumber]bool{}
	now := time.Unix(1_800_000_000, 12345)
	for range 100 {
		n, err := sessionNumber(now)
		if err != nil {
			t.Fatal(err)
		}
		seen[n] = true
	}
	later, err := sessionNumber(now.Add(2 * time.Microsecond))
	if err != nil {
		t.Fatal(err)
	}
	for n := range seen {
		if n >= later {
			t.Errorf("%d is not below %d", n, later)
		}
	}
	if len(seen) < 50 {
		t.Errorf("100 processes have %d numbers", len(seen))
	}
	if n, err := sessionNumber(time.Unix(-1, 0)); err != nil || n > 1023 {
		t.Errorf("%d, %v", n, err)
	}
}

// What the client costs for each operation with 1000 in flight, the work of the
// four replicas of the test included.
func BenchmarkInvoke(b *testing.B) {
	m, cfg := newMemory(b)
	c := m.dial(b, cfg)
	op := make([]byte, 160)
	var tasks sync.WaitGroup
	work := make(chan struct{}, 1000)
	b.ResetTimer()
	for range 1000 {
		tasks.Go(func() {
			for range work {
				if _, err := c.Invoke(context.Background(), op); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	tasks.Wait()
	b.ReportMetric(float64(b.N)/float64(len(m.requests)), "ops/request")
}
