package log_test

import (
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/store/log"
)

var sizes = []int{1 << 10, 16 << 10, 64 << 10, 256 << 10}

// BenchmarkAppendSync appends one record and syncs, on the real disk, with full-grown
// segments that are trimmed and used again. Compare with BenchmarkPlainFile.
func BenchmarkAppendSync(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			l, err := log.Open(log.OS(b.TempDir()), log.Config{
				Identity:     identity,
				SegmentBytes: log.SegmentBytesFirst,
				Background:   func(work func()) { go work() },
			}, func(consensus.Record) error { return nil })
			must(b, err)
			data := make([]byte, size)
			step := func() {
				must(b, l.Append([]consensus.Record{{Position: l.Next(), Kind: 1, Data: data}}))
				must(b, l.Sync())
				must(b, l.Trim(l.Next()))
			}
			for written := 0; written < 3*log.SegmentBytesFirst; written += max(size, 4096) {
				step()
			}
			measure(b, size, step)
			must(b, l.Close())
		})
	}
}

// BenchmarkPlainFile is the least that a log can cost: a write into an allocated
// file, over and over, and a sync.
func BenchmarkPlainFile(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			f, err := log.OS(b.TempDir()).Create("plain", log.SegmentBytesFirst)
			must(b, err)
			data := make([]byte, size)
			offset := int64(0)
			measure(b, size, func() {
				_, err := f.WriteAt(data, offset)
				must(b, err)
				must(b, f.Sync())
				offset = (offset + int64(size)) % log.SegmentBytesFirst
			})
			must(b, f.Close())
		})
	}
}

// measure reports the median latency and the CPU time of the process for each step.
func measure(b *testing.B, size int, step func()) {
	latencies := make([]time.Duration, 0, 1<<16)
	runtime.GC()
	before := cpu(b)
	b.SetBytes(int64(size))
	for b.Loop() {
		start := time.Now()
		step()
		latencies = append(latencies, time.Since(start))
	}
	used := cpu(b) - before
	slices.Sort(latencies)
	b.ReportMetric(float64(latencies[len(latencies)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(latencies[len(latencies)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(used.Microseconds())/float64(len(latencies)), "cpu-µs/op")
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAppend leaves the disk out: what framing, checksums and chain cost.
func BenchmarkAppend(b *testing.B) {
	for _, count := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("%dx300B", count), func(b *testing.B) {
			l, err := log.Open(sink{}, log.Config{Identity: identity, SegmentBytes: 1 << 50}, func(consensus.Record) error { return nil })
			must(b, err)
			records := make([]consensus.Record, count)
			data := make([]byte, 300)
			b.ReportAllocs()
			for b.Loop() {
				for i := range records {
					records[i] = consensus.Record{Position: l.Next() + consensus.Position(i), Data: data}
				}
				must(b, l.Append(records))
				must(b, l.Sync())
			}
		})
	}
}

// BenchmarkOpenNew is what a fresh replica waits for.
func BenchmarkOpenNew(b *testing.B) {
	for b.Loop() {
		l, err := log.Open(log.OS(b.TempDir()), log.Config{Identity: identity}, func(consensus.Record) error { return nil })
		must(b, err)
		must(b, l.Close())
	}
}

// sink is a disk without a bottom.
type sink struct{}

func (sink) Create(string, int64) (log.File, error) { return sink{}, nil }
func (sink) Open(string) (log.File, error)          { return sink{}, nil }
func (sink) Rename(string, string) error            { return nil }
func (sink) Remove(string) error                    { return nil }
func (sink) List() ([]string, error)                { return nil, nil }
func (sink) SyncDir() error                         { return nil }
func (sink) ReadAt(p []byte, _ int64) (int, error)  { return len(p), nil }
func (sink) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (sink) Size() (int64, error)                   { return 0, nil }
func (sink) Sync() error                            { return nil }
func (sink) Close() error                           { return nil }
