package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/varangian-bft/varangian/bench/group"
	"github.com/varangian-bft/varangian/bench/load"
	"github.com/varangian-bft/varangian/bench/usage"
)

// Two replicas and the load took 1, 2 and 3 seconds of processor over 1000
// operations: 6000 µs for each.
func planted(t *testing.T) *report {
	t.Helper()
	h := hdrhistogram.New(1, 60_000_000, 3)
	for i := range int64(1000) {
		if err := h.RecordValue(1000 + i); err != nil {
			t.Fatal(err)
		}
	}
	g := &group.Group{Replicas: []*group.Replica{{Name: "replica-0"}, {Name: "replica-1"}}}
	before := []usage.Usage{{CPU: time.Second}, {CPU: 2 * time.Second}, {CPU: 5 * time.Second}}
	after := []usage.Usage{
		{CPU: 2 * time.Second, MemoryBytes: 10 << 20, MemoryBytesMax: 20 << 20}, {CPU: 4 * time.Second}, {CPU: 8 * time.Second},
	}
	measured := load.Measured{
		Elapsed: 2 * time.Second, Operations: 1000, Errors: map[string]uint64{"timeout": 2, "other": 1}, Latency: h,
	}
	return newReport(g, standard(), measured, before, after)
}

func TestReport(t *testing.T) {
	r := planted(t)
	path := filepath.Join(t.TempDir(), "r.json")
	var table bytes.Buffer
	if err := r.publish(&table, path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var have struct {
		OpsPerSecond float64                    `json:"ops_per_second"`
		Latency      struct{ P50, P99 float64 } `json:"latency_us"`
		CPU          float64                    `json:"cpu_us_per_op"`
		Errors       int
		Processes    []struct {
			Name string
			CPU  float64 `json:"cpu_us_per_op"`
		}
	}
	if err := json.Unmarshal(text, &have); err != nil {
		t.Fatal(err)
	}
	if have.OpsPerSecond != 500 || have.CPU != 6000 || have.Errors != 3 {
		t.Errorf("%+v", have)
	}
	if p := have.Latency; p.P50 < 1490 || p.P50 > 1510 || p.P99 < 1980 || p.P99 > 2000 {
		t.Errorf("latencies %+v", p)
	}
	if p := have.Processes; len(p) != 3 || p[1].Name != "replica-1" || p[1].CPU != 2000 || p[2].Name != "load" || p[2].CPU != 3000 {
		t.Errorf("processes %+v", p)
	}
	for _, line := range []string{"operations per second         500", "processor time per operation  6000.0 µs", "  timeout"} {
		if !strings.Contains(table.String(), line) {
			t.Errorf("the table lacks %q:\n%s", line, table.String())
		}
	}
}

// A script gets the JSON and nothing else.
func TestReportToStandardOutput(t *testing.T) {
	var out bytes.Buffer
	if err := planted(t).publish(&out, "-"); err != nil {
		t.Fatal(err)
	}
	if !json.Valid(out.Bytes()) {
		t.Errorf("not JSON: %s", out.String())
	}
}
