package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/bench/group"
	"github.com/varangian-bft/varangian/bench/tally"
)

const (
	roundWrites  = 1000
	roundTimeout = time.Minute
	roundsMax    = 1000
)

func killallCommand() *cobra.Command {
	var rounds int
	c := &cobra.Command{
		Use:   "killall",
		Short: "Kill all replicas at once under load, again and again, and look for each acknowledged write",
		Args:  cobra.NoArgs,
	}
	c.Flags().IntVar(&rounds, "rounds", 5, "how often")
	bin := binFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if rounds < 1 || rounds > roundsMax {
			return misuse("--rounds is %d; want 1 to %d", rounds, roundsMax)
		}
		building, cancel := context.WithTimeout(c.Context(), buildTimeout)
		defer cancel()
		p, err := newPlace(building, *bin)
		if err != nil {
			return err
		}
		n := &narrator{out: c.OutOrStdout()}
		if err := whole(p.close, func() error { return killAll(c.Context(), p, n, rounds) }); err != nil {
			return fmt.Errorf("killall: round %d: %w", n.step, err)
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), "killall: ok")
		return err
	}
	return c
}

func killAll(ctx context.Context, p *place, n *narrator, rounds int) error {
	g, err := group.New(ctx, p.binaries, group.Layout{Replicas: demoReplicas, Clients: 1, Dir: filepath.Join(p.dir, "group")})
	if err != nil {
		return err
	}
	err = whole(g.Close, func() error {
		if err := g.Start(ctx); err != nil {
			return err
		}
		c, err := dial(ctx, g, 0)
		if err != nil {
			return err
		}
		defer c.Close()
		load := tally.Start(ctx, c, "killall", demoWorkers)
		for range rounds {
			if err := killRound(ctx, g, load, n); err != nil {
				return err
			}
		}
		if err := load.Stop(); err != nil {
			return err
		}
		ctx, cancel := roundContext(ctx)
		defer cancel()
		executed, history, err := g.Agree(ctx)
		if err != nil {
			return err
		}
		v, err := load.Check(ctx)
		if err != nil {
			return err
		}
		n.say("all replicas executed %d and have history %s", executed, history)
		n.say("all %d acknowledged writes are there, each exactly once", v.Acknowledged)
		return nil
	})
	if failedByItself(err) {
		fmt.Fprint(n.out, g.Logs(logLines))
	}
	return err
}

func roundContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, roundTimeout, fmt.Errorf("not done within %v", roundTimeout))
}

// killRound waits for writes, kills all replicas, starts them again and waits for
// more.
func killRound(ctx context.Context, g *group.Group, load *tally.Tally, n *narrator) error {
	n.begin("Kill all replicas with SIGKILL, and start them again.")
	ctx, cancel := roundContext(ctx)
	defer cancel()
	if err := load.Await(ctx, load.Acknowledged()+roundWrites); err != nil {
		return err
	}
	load.Mark()
	if err := g.Close(); err != nil {
		return err
	}
	before := load.Acknowledged()
	if err := g.Start(ctx); err != nil {
		return err
	}
	if err := load.Await(ctx, before+roundWrites); err != nil {
		return err
	}
	n.say("after %d acknowledged writes; the service was back after %v", before, round(load.Pause()))
	return nil
}
