package main

import (
	"errors"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func settled(args ...string) (spec, error) {
	var s spec
	f := pflag.NewFlagSet("run", pflag.ContinueOnError)
	s.addFlags(f)
	if err := f.Parse(args); err != nil {
		return s, err
	}
	return s, s.settle(f)
}

func TestPresets(t *testing.T) {
	for name, want := range map[string]struct{ clients, inFlight, value int }{
		"S1": {1, 1000, 128}, "S2": {200, 1, 128}, "S3": {10, 100, 128}, "S4": {1, 1, 128}, "S5": {1, 1000, 1024},
	} {
		s, err := settled("--preset", name)
		if err != nil {
			t.Fatal(err)
		}
		if s.Clients != want.clients || s.InFlight != want.inFlight || s.ValueBytes != want.value || s.Replicas != 4 {
			t.Errorf("%s is %+v", name, s)
		}
	}
}

// A flag that was given goes before the preset, wherever it stands.
func TestFlagsChangePresets(t *testing.T) {
	s, err := settled("--clients", "3", "--preset", "S2", "--duration", "2s")
	if err != nil {
		t.Fatal(err)
	}
	if s.Clients != 3 || s.InFlight != 1 || s.Duration != 2*time.Second {
		t.Errorf("spec %+v", s)
	}
}

func TestBadFlags(t *testing.T) {
	for _, args := range [][]string{
		{"--preset", "S99"},
		{"--replicas", "3"},
		{"--replicas", "0"},
		{"--clients", "0"},
		{"--clients", "1001"},
		{"--clients", "200", "--inflight", "501"},
		{"--inflight", "0"},
		{"--rate", "-1"},
		{"--rate", "NaN"},
		{"--value-bytes", "600000"},
		{"--keys", "0"},
		{"--duration", "0s"},
		{"--warmup", "-1s"},
	} {
		_, err := settled(args...)
		if !errors.As(err, new(*usageError)) {
			t.Errorf("%v: err = %v", args, err)
		}
	}
}
