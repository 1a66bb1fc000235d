package state

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/storetest"
)

const benchKeys = 100_000

// benchChanges writes some of the keys, drawn at random, with 128 bytes each.
func benchChanges(r *rand.Rand, count int) []statemachine.Change {
	drawn := make(map[uint64]struct{}, count)
	for len(drawn) < count {
		drawn[r.Uint64N(benchKeys)] = struct{}{}
	}
	numbers := make([]uint64, 0, count)
	for n := range drawn {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	out := make([]statemachine.Change, count)
	for i, n := range numbers {
		value := make([]byte, 128)
		for j := 0; j < len(value); j += 8 {
			binary.LittleEndian.PutUint64(value[j:], r.Uint64())
		}
		out[i] = statemachine.Change{Key: benchKey(n), Value: value}
	}
	return out
}

func benchKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte("the key "), n) }

func benchStore(b *testing.B) (*Store, statemachine.Version) {
	b.Helper()
	s, err := Open(Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	v := storetest.VersionAt(1, 0)
	if err := s.Apply(benchChanges(rand.New(rand.NewPCG(1, 1)), benchKeys), storetest.MarkerAt(v)); err != nil {
		b.Fatal(err)
	}
	return s, v
}

func BenchmarkApply(b *testing.B) {
	for _, count := range []int{100, 4_000, 10_000} {
		b.Run(fmt.Sprintf("keys=%d", count), func(b *testing.B) {
			s, v := benchStore(b)
			r := rand.New(rand.NewPCG(2, 2))
			sets := make([][]statemachine.Change, 8)
			for i := range sets {
				sets[i] = benchChanges(r, count)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				v = statemachine.VersionAt(v.Sequence()+1, 0)
				if err := s.Apply(sets[i%len(sets)], storetest.MarkerAt(v)); err != nil {
					b.Fatal(err)
				}
				if err := s.Retire(v); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(count)*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
		})
	}
}

func BenchmarkRead(b *testing.B) {
	s, v := benchStore(b)
	r := rand.New(rand.NewPCG(3, 3))
	b.ReportAllocs()
	for b.Loop() {
		if _, found, err := s.Read(benchKey(r.Uint64N(benchKeys)), v); err != nil || !found {
			b.Fatal(found, err)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	s, v := benchStore(b)
	b.ReportAllocs()
	for b.Loop() {
		seen := 0
		if err := s.Scan(nil, nil, v, func(_, _ []byte) bool { seen++; return true }); err != nil || seen != benchKeys {
			b.Fatal(seen, err)
		}
	}
	b.ReportMetric(benchKeys*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
}

func BenchmarkWindow(b *testing.B) {
	s, v := benchStore(b)
	next := statemachine.VersionAt(2, 0)
	if err := s.Apply(benchChanges(rand.New(rand.NewPCG(4, 4)), 10_000), storetest.MarkerAt(next)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if w, err := s.Window(v, next); err != nil || len(w) != 10_000 {
			b.Fatal(len(w), err)
		}
	}
}

// BenchmarkInstall brings a store of 100,000 keys to a state in which 10,000
// differ.
func BenchmarkInstall(b *testing.B) {
	s, v := benchStore(b)
	base := benchChanges(rand.New(rand.NewPCG(1, 1)), benchKeys)
	for i := uint64(0); b.Loop(); i++ {
		for k := range 10_000 {
			binary.LittleEndian.PutUint64(base[k*10].Value, i)
		}
		m, err := s.Install(v.Sequence()+1, storetest.MarkerAt(v).Chain, statemachine.AllPartitions(), contentsOf(base))
		if err != nil {
			b.Fatal(err)
		}
		v = m.Version
	}
	b.ReportMetric(benchKeys*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
}

// BenchmarkOpen also reports what an open, idle store costs.
func BenchmarkOpen(b *testing.B) {
	s, _ := benchStore(b)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		goroutines, resident := runtime.NumGoroutine(), residentKiB(b)
		o, err := Open(Config{Dir: s.space.dir})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines), "goroutines")
		b.ReportMetric(float64(residentKiB(b)-resident), "KiB-resident")
		if err := o.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func residentKiB(b *testing.B) (kib int) {
	b.Helper()
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), "VmRSS:")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		b.Fatal(err)
	}
	return kib
}
