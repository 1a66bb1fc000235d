package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/varangian-bft/varangian/bench/group"
	"github.com/varangian-bft/varangian/bench/tally"
)

const (
	roundWrites  = 1000
	roundTimeout = time.Minute
	backTimeout  = 10 * time.Second // from the kill to the next acknowledged write
)

// killAllRounds kills all replicas at once under load, again and again, and looks
// for each acknowledged write.
func killAllRounds(ctx context.Context, p *place, n *narrator, rounds int) error {
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
		load := tally.Start(ctx, c, "kill-all", demoWorkers)
		var pauses []time.Duration
		for range rounds {
			pause, err := killRound(ctx, g, load, n)
			if err != nil {
				return err
			}
			pauses = append(pauses, pause)
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
		if err := g.Sound(); err != nil { // a vote that a crash made one forget, say
			return err
		}
		slices.Sort(pauses)
		n.say("back after %v at least, %v in the median, %v at most", round(pauses[0]), round(pauses[len(pauses)/2]), round(pauses[len(pauses)-1]))
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

// killRound waits for writes, kills all replicas, starts them again, and returns
// how long no write was acknowledged.
func killRound(ctx context.Context, g *group.Group, load *tally.Tally, n *narrator) (time.Duration, error) {
	n.begin("Kill all replicas with SIGKILL, and start them again.")
	ctx, cancel := roundContext(ctx)
	defer cancel()
	if err := load.Await(ctx, load.Acknowledged()+roundWrites); err != nil {
		return 0, err
	}
	load.Mark()
	if err := g.Kill(); err != nil {
		return 0, err
	}
	before := load.Acknowledged()
	if err := g.Start(ctx); err != nil {
		return 0, err
	}
	if err := load.Await(ctx, before+roundWrites); err != nil {
		return 0, err
	}
	pause := load.Pause()
	n.say("after %d acknowledged writes; the service was back after %v", before, round(pause))
	if pause > backTimeout {
		return 0, fmt.Errorf("the service was back after %v, more than %v", round(pause), backTimeout)
	}
	return pause, nil
}
