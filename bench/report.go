package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/varangian-bft/varangian/bench/group"
	"github.com/varangian-bft/varangian/bench/load"
	"github.com/varangian-bft/varangian/bench/usage"
)

// A report is what came of a run. Its JSON form is what versions are compared by.
type report struct {
	Spec            spec              `json:"spec"`
	WarmupSeconds   float64           `json:"warmup_seconds"`
	DurationSeconds float64           `json:"duration_seconds"`
	Operations      uint64            `json:"operations"`
	OpsPerSecond    float64           `json:"ops_per_second"`
	LatencyMicros   latencies         `json:"latency_us"`
	CPUMicrosPerOp  float64           `json:"cpu_us_per_op"`
	Errors          uint64            `json:"errors"`
	ErrorKinds      map[string]uint64 `json:"error_kinds"`
	Processes       []process         `json:"processes"`
	Machine         machine           `json:"machine"`
	At              time.Time         `json:"at"`
}

// latencies are in microseconds.
type latencies struct {
	Least float64 `json:"min"`
	Mean  float64 `json:"mean"`
	P50   int64   `json:"p50"`
	P90   int64   `json:"p90"`
	P99   int64   `json:"p99"`
	P999  int64   `json:"p999"`
	Most  int64   `json:"max"`
}

// A process is what one process used in the measured time.
type process struct {
	Name           string  `json:"name"`
	CPUSeconds     float64 `json:"cpu_seconds"`
	CPUMicrosPerOp float64 `json:"cpu_us_per_op"`
	MemoryBytes    uint64  `json:"memory_bytes"`     // resident at its end
	MemoryBytesMax uint64  `json:"memory_bytes_max"` // resident at most, from the start
}

type machine struct {
	Processors int    `json:"processors"`
	System     string `json:"system"`
	Go         string `json:"go"`
}

// newReport puts together what a load measured and what processes used: replicas in
// order, and last the load itself.
func newReport(g *group.Group, s spec, m load.Measured, before, after []usage.Usage) *report {
	r := &report{
		Spec: s, WarmupSeconds: s.Warmup.Seconds(), DurationSeconds: m.Elapsed.Seconds(),
		Operations: m.Operations, OpsPerSecond: float64(m.Operations) / m.Elapsed.Seconds(), ErrorKinds: m.Errors,
		Machine: machine{runtime.NumCPU(), runtime.GOOS + "/" + runtime.GOARCH, runtime.Version()}, At: time.Now().UTC().Truncate(time.Second),
	}
	h := m.Latency
	r.LatencyMicros = latencies{
		Least: float64(h.Min()), Mean: h.Mean(), P50: h.ValueAtQuantile(50), P90: h.ValueAtQuantile(90),
		P99: h.ValueAtQuantile(99), P999: h.ValueAtQuantile(99.9), Most: h.Max(),
	}
	for _, n := range m.Errors {
		r.Errors += n
	}
	perOp := func(cpu time.Duration) float64 {
		return float64(cpu.Microseconds()) / float64(max(m.Operations, 1))
	}
	var all time.Duration
	for i := range after {
		cpu := after[i].CPU - before[i].CPU
		all += cpu
		name := "load"
		if i < len(g.Replicas) {
			name = g.Replicas[i].Name
		}
		r.Processes = append(r.Processes, process{name, cpu.Seconds(), perOp(cpu), after[i].MemoryBytes, after[i].MemoryBytesMax})
	}
	r.CPUMicrosPerOp = perOp(all)
	return r
}

// publish prints the report as a table, and writes it to a file if one is named.
func (r *report) publish(out io.Writer, jsonFile string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if jsonFile == "-" {
		_, err := out.Write(text)
		return err
	}
	if jsonFile != "" {
		if err := os.WriteFile(jsonFile, text, 0o644); err != nil {
			return err
		}
	}
	return r.table(out)
}

func (r *report) table(out io.Writer) error {
	s := &r.Spec
	loop := "closed loop"
	if s.Rate > 0 {
		loop = fmt.Sprintf("%.0f operations per second", s.Rate)
	}
	fmt.Fprintf(out, "%d replicas, %d clients with %d operations in flight each (%s), values of %d bytes under %d keys, %.1f s\n",
		s.Replicas, s.Clients, s.InFlight, loop, s.ValueBytes, s.Keys, r.DurationSeconds)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "operations per second\t%.0f\n", r.OpsPerSecond)
	l := &r.LatencyMicros
	for _, q := range []struct {
		name   string
		micros int64
	}{{"p50", l.P50}, {"p90", l.P90}, {"p99", l.P99}, {"p99.9", l.P999}, {"max", l.Most}} {
		fmt.Fprintf(w, "latency %s\t%.2f ms\n", q.name, float64(q.micros)/1000)
	}
	fmt.Fprintf(w, "processor time per operation\t%.1f µs\n", r.CPUMicrosPerOp)
	fmt.Fprintf(w, "errors\t%d\n", r.Errors)
	kinds := make([]string, 0, len(r.ErrorKinds))
	for kind := range r.ErrorKinds {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		fmt.Fprintf(w, "  %s\t%d\n", kind, r.ErrorKinds[kind])
	}
	for _, p := range r.Processes {
		fmt.Fprintf(w, "%s\t%.2f s of processor, %.1f µs per operation, %d MB (at most %d MB)\n",
			p.Name, p.CPUSeconds, p.CPUMicrosPerOp, p.MemoryBytes>>20, p.MemoryBytesMax>>20)
	}
	return w.Flush()
}
