// Command probe runs the schedules with which package mutants tries broken copies
// of the code, each for a few seeds, until an invariant breaks. It prints one line
// of JSON that says what was found. It decides nothing by a clock: the same code
// always gives the same answer.
//
// The schedules are those of package sim and some of its own, which steer a world
// to the one place where a certain mistake shows.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A finding is what stopped the probe.
type finding struct {
	Caught   bool
	Schedule string
	Seed     uint64
	Message  string
}

// A trial is one schedule with one seed.
type trial struct {
	schedule
	seed uint64
}

const enemyRounds = 12

func main() {
	enemy := flag.String("enemy", "^$", "schedules whose name matches this expression come first, and with more seeds")
	rounds := flag.Int("rounds", 2, "seeds for each schedule")
	these := flag.String("these", "", "only these trials, as schedule@seed, apart by commas")
	verbose := flag.Bool("v", false, "say how long each took")
	flag.Parse()
	trials, err := choose(*enemy, *rounds, *these)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(search(trials, *verbose))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func choose(enemy string, rounds int, these string) (trials []trial, err error) {
	pattern, err := regexp.Compile(enemy)
	if err != nil {
		return nil, err
	}
	if these != "" {
		return named(these)
	}
	all := schedules()
	for seed := range uint64(enemyRounds) {
		for _, s := range all {
			if pattern.MatchString(s.name) {
				trials = append(trials, trial{s, seed + 1})
			}
		}
	}
	for seed := range uint64(rounds) {
		for _, s := range all {
			trials = append(trials, trial{s, seed + 1})
		}
	}
	return trials, nil
}

// named returns the trials of a list such as "dark@1,churn@2".
func named(these string) (trials []trial, err error) {
	for name := range strings.SplitSeq(these, ",") {
		schedule, number, _ := strings.Cut(name, "@")
		seed, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q: a trial is schedule@seed", name)
		}
		for _, s := range schedules() {
			if s.name == schedule {
				trials = append(trials, trial{s, seed})
			}
		}
	}
	return trials, nil
}

func search(trials []trial, verbose bool) finding {
	for _, t := range trials {
		start := time.Now()
		err := t.try()
		if verbose {
			fmt.Fprintf(os.Stderr, "%-18s seed %d: %.2f s: %v\n", t.name, t.seed, time.Since(start).Seconds(), err)
		}
		if err != nil {
			return finding{Caught: true, Schedule: t.name, Seed: t.seed, Message: err.Error()}
		}
	}
	return finding{}
}

// try runs a schedule. A failed assertion is a finding like any other: the code
// noticed by itself that it is wrong (R119).
func (t trial) try() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("assertion: %v", p)
		}
	}()
	return t.run(t.seed)
}
