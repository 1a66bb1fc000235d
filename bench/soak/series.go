package soak

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// A round is one sample of each replica, taken at about the same time.
type round struct {
	at         time.Duration
	operations uint64 // so far
	samples    []sample
}

// A series is all rounds, in order.
type series struct{ rounds []round }

// minutes splits the series.
func (s *series) minutes() [][]round {
	var out [][]round
	for _, r := range s.rounds {
		for len(out) <= int(r.at/time.Minute) {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], r)
	}
	return out
}

// write writes a line for each minute: medians over its samples, of the replica
// that had most.
func (s *series) write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "minute\tops/s\t")
	for c := range columns {
		fmt.Fprintf(w, "%s\t", c)
	}
	fmt.Fprintln(w)
	var before round
	for i, minute := range s.minutes() {
		if len(minute) == 0 {
			continue
		}
		last := minute[len(minute)-1]
		rate := float64(last.operations-before.operations) / (last.at - before.at).Seconds()
		before = last
		fmt.Fprintf(w, "%d\t%.0f\t", i+1, rate)
		for c := range columns {
			fmt.Fprintf(w, "%.0f\t", most(minute, c))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// served fails if there was a minute in which no operation ended.
func (s *series) served() error {
	var before round
	for i, minute := range s.minutes() {
		if len(minute) == 0 {
			return fmt.Errorf("minute %d has no samples", i+1)
		}
		last := minute[len(minute)-1]
		if last.at-before.at < time.Minute/2 {
			return nil // the rest of the last one says little
		}
		if last.operations == before.operations {
			return fmt.Errorf("no operation ended in minute %d", i+1)
		}
		before = last
	}
	return nil
}

// most returns the largest median that a replica has.
func most(rounds []round, c column) float64 {
	out := 0.0
	for replica := range rounds[0].samples {
		values := make([]float64, len(rounds))
		for i, r := range rounds {
			values[i] = r.samples[replica][c]
		}
		slices.Sort(values)
		out = max(out, values[len(values)/2])
	}
	return out
}

// halfMin is how long the second half has to be: compaction comes and goes.
const halfMin = 100 * time.Second

// growthMax is how much a column may grow over the second half, as a share of what
// it was there.
const growthMax = 0.15

// bounded looks whether anything still grows in the second half: whether the line
// through its samples rises by more than a share of their mean.
func (s *series) bounded(out io.Writer) error {
	half := s.rounds[len(s.rounds)/2:]
	if len(half) == 0 || half[len(half)-1].at-half[0].at < halfMin {
		_, err := fmt.Fprintln(out, "too short to say whether anything grows")
		return err
	}
	var errs []error
	for c := range columns {
		for replica := range half[0].samples {
			rise, mean := growth(half, replica, c)
			if rise > max(growthMax*mean, slack) {
				errs = append(errs, fmt.Errorf("replica-%d: %s rose by %.0f over the second half, around %.0f", replica, c, rise, mean))
			}
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	_, err := fmt.Fprintf(out, "bounded: over the second half nothing rose by more than %.0f %%, or the size of a few files\n", 100*growthMax)
	return err
}

// growth fits a line through the samples, and returns by how much it rises from the
// first to the last one, and their mean.
func growth(rounds []round, replica int, c column) (rise, mean float64) {
	var t, v, tv, tt float64
	n := float64(len(rounds))
	for _, r := range rounds {
		x, y := r.at.Seconds(), r.samples[replica][c]
		t, v, tv, tt = t+x, v+y, tv+x*y, tt+x*x
	}
	slope := (n*tv - t*v) / (n*tt - t*t)
	return slope * (rounds[len(rounds)-1].at - rounds[0].at).Seconds(), v / n
}
