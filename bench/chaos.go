package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/bench/chaos"
)

const (
	chaosDurationMax = time.Hour
	roundsMax        = 1000
)

func chaosCommand() *cobra.Command {
	var (
		duration         time.Duration
		seed             uint64
		replicas, rounds int
		killAll, damage  bool
	)
	c := &cobra.Command{
		Use:   "chaos",
		Short: "Disturb real processes under load, and look whether anything but time is lost",
		Long: `Start a group of replica processes, put a load on it, and disturb it at random:
replicas are killed, stopped, paused, cut off, slowed down, damaged on disk and
wiped, at most f of them at once, until each is whole again. At the end the group
has to come to rest, all operations have to be linearizable, each acknowledged write
has to be there exactly once, and all replicas have to hold and answer the same.

The seed is that of the plan of faults. What processes and networks make of it is
never the same twice. A run that fails keeps its folder.

With --kill-all all replicas are killed at once instead, again and again.`,
		Example: `  go run ./bench chaos --duration 3m
  go run ./bench chaos --kill-all --rounds 20`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.DurationVar(&duration, "duration", 3*time.Minute, "for how long faults are injected, up to 1h")
	f.Uint64Var(&seed, "seed", 0, "seed of the plan of faults; 0 draws one")
	f.IntVar(&replicas, "replicas", 4, "how many replicas: 4, 7 or 10")
	f.BoolVar(&damage, "damage", true, "damage and wipe disks, too")
	f.BoolVar(&killAll, "kill-all", false, "kill all replicas at once, again and again")
	f.IntVar(&rounds, "rounds", 20, "how often, with --kill-all")
	bin := binFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		switch {
		case duration < time.Second || duration > chaosDurationMax:
			return misuse("--duration is %v; want 1s to %v", duration, chaosDurationMax)
		case replicas != 4 && replicas != 7 && replicas != 10:
			return misuse("--replicas is %d; want 4, 7 or 10", replicas)
		case rounds < 1 || rounds > roundsMax:
			return misuse("--rounds is %d; want 1 to %d", rounds, roundsMax)
		}
		if killAll {
			return inKeptPlace(c, *bin, fmt.Sprintf("chaos --kill-all --rounds %d", rounds), func(ctx context.Context, p *place) error {
				return killAllRounds(ctx, p, &narrator{out: c.OutOrStdout()}, rounds)
			})
		}
		if seed == 0 {
			seed = 1 + rand.Uint64N(1_000_000)
		}
		again := fmt.Sprintf("chaos --duration %v --seed %d --replicas %d --damage=%v", duration, seed, replicas, damage)
		fmt.Fprintf(c.OutOrStdout(), "seed %d\n", seed)
		return inKeptPlace(c, *bin, again, func(ctx context.Context, p *place) error {
			return chaos.Run(ctx, chaos.Config{
				Binaries: p.binaries, Dir: filepath.Join(p.dir, "group"), Replicas: replicas, Duration: duration, Seed: seed,
				Faults: faults(damage), Out: c.OutOrStdout(),
			})
		})
	}
	return c
}

// faults returns the kinds to choose from.
func faults(damage bool) []chaos.Kind {
	return slices.DeleteFunc(chaos.Kinds(), func(k chaos.Kind) bool { return !damage && (k == chaos.Harm || k == chaos.Wipe) })
}

// inKeptPlace runs a command in a place of its own, which it keeps if that fails,
// and then says how to do the same again.
func inKeptPlace(c *cobra.Command, bin, again string, work func(context.Context, *place) error) error {
	building, cancel := context.WithTimeout(c.Context(), buildTimeout)
	defer cancel()
	p, err := newPlace(building, bin)
	if err != nil {
		return err
	}
	if err := work(c.Context(), p); err != nil {
		if !failedByItself(err) {
			return errors.Join(context.Cause(c.Context()), p.close())
		}
		kept, keeping := p.keep()
		fmt.Fprintf(c.OutOrStdout(), "FAILED: %v\n\nlogs and data are kept in %s; again: go run ./bench %s\n", err, kept, again)
		return errors.Join(fmt.Errorf("%s: %s", c.Name(), firstLine(err)), keeping)
	}
	if err := p.close(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: ok\n", c.Name())
	return err
}
