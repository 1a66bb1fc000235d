package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// A spec says what `bench run` measures.
type spec struct {
	Preset     string  `json:"preset,omitempty"`
	Replicas   int     `json:"replicas"`
	Clients    int     `json:"clients"`
	InFlight   int     `json:"inflight"` // of each client
	Rate       float64 `json:"rate"`     // operations per second; 0: closed loop
	ValueBytes int     `json:"value_bytes"`
	Keys       int     `json:"keys"`

	// Of the group file, where they are not the defaults.
	Parameters map[string]int64 `json:"parameters,omitempty"`

	Warmup   time.Duration `json:"-"`
	Duration time.Duration `json:"-"`
}

// Bounds of what one machine can bear.
const (
	replicasMax = 64
	clientsMax  = 1000
	inFlightMax = 100_000 // of all clients
	keysMax     = 100_000_000
	valueMax    = 512 << 10
	rateMax     = 10_000_000
	spanMax     = time.Hour
)

func standard() spec {
	return spec{
		Replicas: 4, Clients: 1, InFlight: 1000, ValueBytes: 128, Keys: 10_000,
		Warmup: 3 * time.Second, Duration: 10 * time.Second,
	}
}

// A preset is a load whose figures are compared from version to version.
type preset struct {
	name  string
	about string
	apply func(*spec)
}

var presets = []preset{
	{"S1", "one client, 1000 operations in flight, packed into signed requests", func(*spec) {}},
	{"S2", "200 clients, each its own key, one signed operation at a time", func(s *spec) { s.Clients, s.InFlight = 200, 1 }},
	{"S3", "10 clients, 100 operations in flight each", func(s *spec) { s.Clients, s.InFlight = 10, 100 }},
	{"S4", "one client, one operation at a time", func(s *spec) { s.InFlight = 1 }},
	{"S5", "as S1, with values of 1 KiB", func(s *spec) { s.ValueBytes = 1024 }},
}

func presetNames() string {
	var names []string
	for _, p := range presets {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

func presetHelp() string {
	var b strings.Builder
	for _, p := range presets {
		fmt.Fprintf(&b, "  %s  %s\n", p.name, p.about)
	}
	return b.String()
}

func (s *spec) addFlags(f *pflag.FlagSet) {
	*s = standard()
	f.StringVar(&s.Preset, "preset", "", "one of "+presetNames()+"; other flags change it")
	f.IntVar(&s.Replicas, "replicas", s.Replicas, "replica processes")
	f.IntVar(&s.Clients, "clients", s.Clients, "clients, each with its own key")
	f.IntVar(&s.InFlight, "inflight", s.InFlight, "operations of each client at once")
	f.Float64Var(&s.Rate, "rate", s.Rate, "operations per second of all clients, whatever becomes of earlier ones; 0: the next begins when one ends")
	f.IntVar(&s.ValueBytes, "value-bytes", s.ValueBytes, "bytes of each value")
	f.IntVar(&s.Keys, "keys", s.Keys, "different keys, evenly chosen")
	f.StringToInt64Var(&s.Parameters, "parameter", nil, "other parameters of the group than the defaults, as in its group file: checkpoint_interval=1024,window=4096")
	f.DurationVar(&s.Warmup, "warmup", s.Warmup, "load before the measured time")
	f.DurationVar(&s.Duration, "duration", s.Duration, "measured time")
}

// settle applies the preset below the flags that were given, and checks the whole.
func (s *spec) settle(f *pflag.FlagSet) error {
	if s.Preset != "" {
		i := slices.IndexFunc(presets, func(p preset) bool { return p.name == s.Preset })
		if i < 0 {
			return misuse("--preset is %q; want one of %s", s.Preset, presetNames())
		}
		given := map[string]string{}
		f.Visit(func(flag *pflag.Flag) { given[flag.Name] = flag.Value.String() })
		presets[i].apply(s)
		delete(given, "parameter") // a map: no preset changes it, and its text is no value of the flag
		for name, value := range given {
			if err := f.Set(name, value); err != nil {
				return err // it was accepted before
			}
		}
	}
	for _, b := range []struct {
		name        string
		value       float64
		least, most float64
	}{
		{"replicas", float64(s.Replicas), 1, replicasMax},
		{"clients", float64(s.Clients), 1, clientsMax},
		{"inflight", float64(s.InFlight), 1, float64(inFlightMax / max(s.Clients, 1))},
		{"rate", s.Rate, 0, rateMax},
		{"value-bytes", float64(s.ValueBytes), 0, valueMax},
		{"keys", float64(s.Keys), 1, keysMax},
		{"warmup", s.Warmup.Seconds(), 0, spanMax.Seconds()},
		{"duration", s.Duration.Seconds(), 0.1, spanMax.Seconds()},
	} {
		if !(b.value >= b.least && b.value <= b.most) {
			return misuse("--%s is %v; want %v to %v", b.name, b.value, b.least, b.most)
		}
	}
	if s.Replicas == 2 || s.Replicas == 3 {
		return misuse("--replicas is %d; a group has 1 replica, or 4 and more", s.Replicas)
	}
	return nil
}
