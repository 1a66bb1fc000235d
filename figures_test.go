package varangian_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
)

var updateFigures = flag.Bool("update", false, "write the table of figures in README.md anew from "+figuresFile)

const (
	// figuresFile holds the reports of one or more runs, as
	// `go run ./bench run --json FILE` writes them, one after the other.
	figuresFile  = "bench/results/latest.json"
	figuresBegin = "<!-- figures: " + figuresFile + " -->\n"
	figuresEnd   = "<!-- end of figures -->\n"
)

// A run is what the table says of a report.
type run struct {
	Spec struct {
		Preset     string
		Replicas   int
		Clients    int
		InFlight   int
		Rate       float64
		ValueBytes int `json:"value_bytes"`
	}
	OpsPerSecond float64 `json:"ops_per_second"`
	Latency      struct {
		P50, P99 int64
	} `json:"latency_us"`
	CPUPerOp float64 `json:"cpu_us_per_op"`
	Errors   uint64
	Machine  struct {
		Processors int
		System     string
		Go         string
	}
	At string
}

// TestFigures: the figures in README.md are those of the file, and nothing else.
func TestFigures(t *testing.T) {
	runs, err := readRuns(figuresFile)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(text), figuresBegin)
	have, after, ended := strings.Cut(rest, figuresEnd)
	if !begun || !ended {
		t.Fatalf("README.md: the lines %q and %q are missing", figuresBegin, figuresEnd)
	}
	want := figures(runs)
	if *updateFigures {
		if err := os.WriteFile("README.md", []byte(before+figuresBegin+want+figuresEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have != want {
		t.Errorf("README.md: the figures are not those of %s; write them with go test . -run TestFigures -update.\nThey are:\n%s", figuresFile, want)
	}
}

// TestFiguresReadReports: a report has every figure that the table shows.
func TestFiguresReadReports(t *testing.T) {
	const report = `{"spec": {"preset": "S1", "replicas": 4, "clients": 1, "inflight": 1000, "rate": 0, "value_bytes": 128},
		"ops_per_second": 12345.6, "latency_us": {"p50": 1500, "p99": 250}, "cpu_us_per_op": 41.26, "errors": 3,
		"machine": {"processors": 2, "system": "linux/amd64", "go": "go1.26"}, "at": "2026-01-02T03:04:05Z"}`
	name := t.TempDir() + "/runs.json"
	if err := os.WriteFile(name, []byte(report+"\n"+report), 0o644); err != nil {
		t.Fatal(err)
	}
	runs, err := readRuns(name)
	if err != nil || len(runs) != 2 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	const line = "| S1 | 4 | 1 client, 1,000 in flight, 128 B | 12,346 | 1.50 ms | 0.25 ms | 41.3 µs | 3 |"
	if table := figures(runs); strings.Count(table, line) != 2 {
		t.Errorf("the table is\n%s", table)
	}
}

// readRuns reads a file of reports; without the file there are none.
func readRuns(name string) ([]run, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var runs []run
	for d := json.NewDecoder(f); ; {
		var r run
		switch err := d.Decode(&r); {
		case errors.Is(err, io.EOF):
			return runs, nil
		case err != nil:
			return nil, fmt.Errorf("%s: report %d: %w", name, len(runs), err)
		}
		if r.OpsPerSecond <= 0 || r.Latency.P50 <= 0 || r.Spec.Replicas == 0 {
			return nil, fmt.Errorf("%s: report %d has no figures", name, len(runs))
		}
		runs = append(runs, r)
	}
}

// figures is the text between the markers.
func figures(runs []run) string {
	if len(runs) == 0 {
		return "Nothing has been measured for this version; `go run ./bench run` measures your machine.\n"
	}
	var b strings.Builder
	b.WriteString("| preset | replicas | load | operations/s | p50 | p99 | processor time per operation, all processes | errors |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, r := range runs {
		s := &r.Spec
		clients := "clients"
		if s.Clients == 1 {
			clients = "client"
		}
		load := fmt.Sprintf("%s %s, %s in flight", thousands(uint64(s.Clients)), clients, thousands(uint64(s.InFlight)))
		if s.Clients > 1 {
			load += " each"
		}
		if s.Rate > 0 {
			load = fmt.Sprintf("%s operations/s asked for", thousands(uint64(s.Rate)))
		}
		fmt.Fprintf(&b, "| %s | %d | %s, %d B | %s | %s | %s | %.1f µs | %d |\n", s.Preset, s.Replicas, load, s.ValueBytes,
			thousands(uint64(r.OpsPerSecond+0.5)), millis(r.Latency.P50), millis(r.Latency.P99), r.CPUPerOp, r.Errors)
	}
	m := &runs[0].Machine
	day, _, _ := strings.Cut(runs[0].At, "T")
	fmt.Fprintf(&b, "\nMeasured on %s: %d processors, %s, %s, all replicas and the load on one machine, log synced, requests signed. Each\n"+
		"line is `go run ./bench run --preset NAME --json FILE`; the reports are in `%s`.\n", day, m.Processors, m.System, m.Go, figuresFile)
	return b.String()
}

func millis(micros int64) string { return fmt.Sprintf("%.2f ms", float64(micros)/1000) }

// thousands groups the digits of a number.
func thousands(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
