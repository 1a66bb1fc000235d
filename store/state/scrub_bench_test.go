package state

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/storetest"
)

const (
	scrubKeys  = 1_000_000
	scrubPiece = 128 // as the replica's scrubber takes them
)

// scrubStore has a million keys of 128 bytes, written in windows that each span the
// whole range of keys, as a running replica writes them.
func scrubStore(b *testing.B) (*Store, statemachine.Version) {
	b.Helper()
	s, err := Open(Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	const windows = 100
	r := rand.New(rand.NewPCG(5, 5))
	var v statemachine.Version
	for w := range uint64(windows) {
		v = storetest.VersionAt(1+int(w), 0)
		changes := make([]statemachine.Change, 0, scrubKeys/windows)
		for n := w; n < scrubKeys; n += windows {
			value := make([]byte, 128)
			for j := range value {
				value[j] = byte(r.Uint32())
			}
			changes = append(changes, statemachine.Change{Key: benchKey(n), Value: value})
		}
		if err := s.Apply(changes, storetest.MarkerAt(v)); err != nil {
			b.Fatal(err)
		}
		if err := s.Retire(v); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	if s, err = Open(Config{Dir: s.space.dir}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s, v
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkScrub compares a state of a million keys with its partitions, a piece at a
// time (R56): what a key costs at full speed, as in the first round, and at the pace of
// the later ones, when nothing is left in the processor's caches.
func BenchmarkScrub(b *testing.B) {
	const pace = 2500 // keys a second, as replica.DefaultScrubKeys
	s, v := scrubStore(b)
	parts, err := statemachine.ComputePartitions(s, v)
	if err != nil {
		b.Fatal(err)
	}
	for name, rest := range map[string]time.Duration{"first-round": 0, "paced": scrubPiece * time.Second / pace} {
		b.Run(name, func(b *testing.B) {
			c := statemachine.NewScrub(s)
			c.Restart(parts)
			keys, began := 0, processorTime(b)
			for b.Loop() {
				if _, err := c.Step(scrubPiece); err != nil {
					b.Fatal(err)
				}
				keys += scrubPiece
				<-time.After(rest)
			}
			used := processorTime(b) - began
			b.ReportMetric(float64(used.Nanoseconds())/float64(keys), "cpu-ns/key")
			b.ReportMetric(100*used.Seconds()/b.Elapsed().Seconds(), "%cpu")
		})
	}
}

// BenchmarkCheckTable checks all tables of such a state, index and filter included.
func BenchmarkCheckTable(b *testing.B) {
	s, _ := scrubStore(b)
	tables := 0
	began := processorTime(b)
	for b.Loop() {
		more, err := s.CheckTable()
		if err != nil {
			b.Fatal(err)
		}
		if more {
			tables++
		}
	}
	b.ReportMetric(float64((processorTime(b)-began).Nanoseconds())/float64(tables), "cpu-ns/table")
	names, err := s.tables()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(names)), "tables")
}
