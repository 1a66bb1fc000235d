package soak

import (
	"io"
	"math"
	"strings"
	"testing"
	"time"
)

// made returns a series of ten minutes in which a column of one replica follows a
// function of the minute.
func made(c column, f func(minute float64) float64) *series {
	s := &series{}
	for at := 5 * time.Second; at <= 10*time.Minute; at += 5 * time.Second {
		r := round{at: at, operations: uint64(at.Seconds()) * 100, samples: make([]sample, 2)}
		r.samples[1][c] = f(at.Minutes())
		s.rounds = append(s.rounds, r)
	}
	return s
}

func TestBounded(t *testing.T) {
	for name, c := range map[string]struct {
		of      column
		f       func(float64) float64
		bounded bool
	}{
		"constant":           {memory, func(float64) float64 { return 200 }, true},
		"saw":                {tables, func(m float64) float64 { return 300 + 200*math.Mod(m, 1) }, true},
		"levels off":         {tables, func(m float64) float64 { return 1000 * min(m, 4) }, true},
		"grows":              {tables, func(m float64) float64 { return 100 * m }, false},
		"grows a little":     {logFiles, func(m float64) float64 { return 10 * m }, true},
		"leaks descriptors":  {descriptors, func(m float64) float64 { return 50 + 20*m }, false},
		"grows for all time": {memory, func(m float64) float64 { return 100 + 30*m }, false},
	} {
		err := made(c.of, c.f).bounded(io.Discard)
		if (err == nil) != c.bounded {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && !strings.Contains(err.Error(), "replica-1: "+c.of.String()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A load that came to a stand is none under which nothing grows.
func TestServed(t *testing.T) {
	s := made(memory, func(float64) float64 { return 1 })
	if err := s.served(); err != nil {
		t.Error(err)
	}
	stand := func(from time.Duration) error {
		s := made(memory, func(float64) float64 { return 1 })
		for i := range s.rounds {
			s.rounds[i].operations = min(s.rounds[i].operations, uint64(from.Seconds())*100)
		}
		return s.served()
	}
	if err := stand(70 * time.Second); err == nil || !strings.Contains(err.Error(), "in minute 3") {
		t.Error(err)
	}
	if err := stand(0); err == nil || !strings.Contains(err.Error(), "in minute 1") {
		t.Error(err)
	}
	if err := stand(9*time.Minute + 30*time.Second); err != nil {
		t.Error(err)
	}
}

func TestWrite(t *testing.T) {
	s := made(memory, func(m float64) float64 { return 10 * math.Ceil(m) })
	s.rounds = s.rounds[:23]
	var b strings.Builder
	if err := s.write(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if len(lines) != 4 || strings.Join(strings.Fields(lines[2])[:3], " ") != "2 100 20" {
		t.Errorf("wrote\n%s", b.String())
	}
}
