package tally

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// A service executes operations of the key-value service on a map. It may be
// made to do so badly.
type service struct {
	mu    sync.Mutex
	state map[string]string
	count int
	held  chan struct{}                                        // not nil: writes wait for its end
	fault func(s *service, write int, op []byte) (answer bool) // nil: none
}

func newService() *service { return &service{state: map[string]string{}} }

func (s *service) Read(key []byte) ([]byte, bool) {
	v, ok := s.state[string(key)]
	return []byte(v), ok
}

func (s *service) Scan(start, end []byte, yield func(key, value []byte) bool) {
	for _, k := range slices.Sorted(maps.Keys(s.state)) {
		if k >= string(start) && (end == nil || k < string(end)) && !yield([]byte(k), []byte(s.state[k])) {
			return
		}
	}
}

func (s *service) ResultBytesMax() uint64       { return 4096 }
func (s *service) Set(key, value []byte)        { s.state[string(key)] = string(value) }
func (s *service) Delete(key []byte)            { delete(s.state, string(key)) }
func (s *service) Sequence() consensus.Sequence { return consensus.Sequence(s.count) }
func (s *service) Time() consensus.Time         { return 0 }
func (s *service) Client() consensus.ClientID   { return consensus.ClientID{} }

func (s *service) apply(op []byte) []byte {
	result, err := kv.New().Apply(s, op)
	if err != nil {
		panic(err)
	}
	return result
}

func (s *service) Invoke(ctx context.Context, op []byte, _ ...client.InvokeOption) (client.Result, error) {
	wait, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	<-wait.Done()
	s.mu.Lock()
	held := s.held
	s.mu.Unlock()
	if held != nil {
		<-held
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if bytes.Contains(op, []byte("=sum")) {
		s.count++
		if s.fault != nil && !s.fault(s, s.count, op) {
			return client.Result{}, context.DeadlineExceeded // of no *client.Error: the outcome is unknown
		}
	}
	return client.Result{Value: s.apply(op)}, nil
}

// faulty returns a service whose tenth write goes wrong.
func faulty(wrong func(s *service, op []byte) (answer bool)) *service {
	s := newService()
	s.fault = func(s *service, write int, op []byte) bool {
		if write == 10 {
			return wrong(s, op)
		}
		return true
	}
	return s
}

// verdict runs a load of some writes over a service and checks it.
func verdict(t *testing.T, s *service) (Verdict, error) {
	t.Helper()
	load := Start(context.Background(), s, "t", 3)
	if err := load.Await(context.Background(), 50); err != nil && !strings.Contains(err.Error(), "a write failed") {
		t.Fatal(err)
	}
	_ = load.Stop() // of the unanswered write
	return load.Check(context.Background())
}

func TestACorrectServicePasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := verdict(t, newService())
		if err != nil {
			t.Fatal(err)
		}
		if v.Acknowledged < 50 || v.Unknown != 0 {
			t.Errorf("verdict %+v", v)
		}
	})
}

// A write without an answer may be there or not.
func TestUnansweredWrites(t *testing.T) {
	for found, s := range []*service{
		faulty(func(*service, []byte) bool { return false }),
		faulty(func(s *service, op []byte) bool { s.apply(op); return false }),
	} {
		synctest.Test(t, func(t *testing.T) {
			v, err := verdict(t, s)
			if err != nil {
				t.Fatal(err)
			}
			if v.Unknown != 1 || v.Found != found {
				t.Errorf("verdict %+v, want %d found of 1 unknown", v, found)
			}
		})
	}
}

// A check that passes a service which loses, repeats or halves a write would
// show nothing.
func TestFaultsAreFound(t *testing.T) {
	lastKey := func(s *service) string {
		keys := slices.Sorted(maps.Keys(s.state))
		return keys[slices.IndexFunc(keys, func(k string) bool { return !strings.Contains(k, "=") })]
	}
	for name, c := range map[string]struct {
		wrong func(s *service, op []byte) bool
		want  string
	}{
		"lost":      {func(s *service, _ []byte) bool { delete(s.state, lastKey(s)); return true }, "acknowledged and lost"},
		"twice":     {func(s *service, op []byte) bool { s.apply(op); return true }, "executed 2 times"},
		"half":      {func(s *service, _ []byte) bool { s.apply(kv.Increment([]byte("t/000=sum"), 1)); return true }, "in part"},
		"invented":  {func(s *service, _ []byte) bool { s.state["t/009/0000000"] = "1"; return true }, "1 entries are there that nobody wrote"},
		"unknown":   {func(s *service, op []byte) bool { s.apply(op); s.apply(op); return false }, "executed 2 times"},
		"unordered": {func(s *service, _ []byte) bool { s.state["t/000/0000000"] = "7"; return true }, "executed 7 times"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, err := verdict(t, faulty(c.wrong))
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("verdict %+v, error %v; want one with %q", v, err, c.want)
				}
			})
		})
	}
}

// The pause is the longest time without an acknowledgement, an ongoing one too.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		load := Start(t.Context(), s, "t", 1)
		if err := load.Await(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		load.Mark()
		hold := make(chan struct{})
		s.mu.Lock()
		s.held = hold
		s.mu.Unlock()
		wait, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		<-wait.Done()
		if p := load.Pause(); p != 3*time.Second {
			t.Errorf("paused for %v, so far, want 3s", p)
		}
		s.mu.Lock()
		s.held = nil
		s.mu.Unlock()
		close(hold)
		if err := load.Await(t.Context(), load.Acknowledged()+10); err != nil {
			t.Fatal(err)
		}
		if p := load.Pause(); p < 3*time.Second || p > 3*time.Second+2*time.Millisecond {
			t.Errorf("paused for %v, want 3s", p)
		}
		if err := load.Stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestAwaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		load := Start(t.Context(), newService(), "t", 1)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := load.Await(ctx, 1_000_000); err == nil || !strings.Contains(err.Error(), "of 1000000 waited for") {
			t.Errorf("err = %v", err)
		}
		_ = load.Stop()
	})
}
