// Package recovery measures how a replica with a large state comes back: after a
// restart, after the loss of its disk under load, and after an absence in which a
// part of the state changed.
//
// It measures the binaries that users run, over links that count bytes. Whether what
// comes back is right, packages chaos and rot look at.
//
// The caller gives a folder that it removes afterwards, and keeps if Run fails.
package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/varangian-bft/varangian/bench/group"
	"github.com/varangian-bft/varangian/client"
)

// Config says what to measure.
type Config struct {
	Binaries group.Binaries
	Dir      string // for the group; it must not exist
	Keys     int    // of the state
	Out      io.Writer
}

const (
	replicas   = 4
	victimID   = 3 // a backup, and the last one to become primary
	valueBytes = 128
	putsMax    = 500 // in one operation: 256 KiB of writes are its limit

	loadClients  = 4
	loadInFlight = 50               // of each client
	before       = 10 * time.Second // measured before the disk is lost

	setUpTimeout = 5 * time.Minute
	stepTimeout  = 10 * time.Minute
	proofTimeout = 10 * time.Second // for a write that needs the vote of the replica that came back
	logLines     = 8
)

// The goals.
const (
	cleanGoal      = 5 * time.Second
	crashGoal      = 10 * time.Second
	throughputGoal = 0.70
	differenceGoal = 0.15
)

type run struct {
	Config
	group   *group.Group
	clients []*client.Client
	goals   []goal
}

// A goal is one line of the result.
type goal struct {
	what, have, want string
	met              bool
}

// Run measures, and reports to its Out. An error means that something could not be
// measured; a goal that is missed is none.
func Run(ctx context.Context, cfg Config) (err error) {
	r := &run{Config: cfg}
	starting, cancel := context.WithTimeoutCause(ctx, setUpTimeout, fmt.Errorf("the group was not ready within %v", setUpTimeout))
	defer cancel()
	r.group, err = group.New(starting, r.Binaries, group.Layout{Replicas: replicas, Clients: loadClients, Dir: r.Dir, Linked: true})
	if err != nil {
		return err
	}
	defer func() {
		for _, c := range r.clients {
			c.Close()
		}
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, r.group.Logs(logLines))
		}
		err = errors.Join(err, r.group.Close())
	}()
	if err := r.group.Start(starting); err != nil {
		return err
	}
	if err := r.dial(ctx); err != nil {
		return err
	}
	if err := r.fill(starting); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{r.restarts, r.differences, r.wiped} {
		if err := r.within(ctx, step); err != nil {
			return errors.Join(err, r.report())
		}
	}
	return r.report()
}

func (r *run) within(ctx context.Context, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, stepTimeout, fmt.Errorf("not within %v", stepTimeout))
	defer cancel()
	return step(ctx)
}

func (r *run) dial(ctx context.Context) error {
	for i := range loadClients {
		keys, err := r.group.Keys(i)
		if err != nil {
			return err
		}
		c, err := client.Dial(ctx, client.Config{GroupFile: r.group.File(), Keys: keys})
		if err != nil {
			return err
		}
		r.clients = append(r.clients, c)
	}
	return nil
}

func (r *run) victim() *group.Replica { return r.group.Replicas[victimID] }

func (r *run) say(format string, args ...any) { fmt.Fprintf(r.Out, format+"\n", args...) }

func (r *run) goal(met bool, what, have, want string) {
	r.goals = append(r.goals, goal{what, have, want, met})
}

// report writes what was measured beside what was hoped for.
func (r *run) report() error {
	r.say("")
	for _, g := range r.goals {
		verdict := "met"
		if !g.met {
			verdict = "MISSED"
		}
		if _, err := fmt.Fprintf(r.Out, "%-58s %12s   goal %-12s %s\n", g.what, g.have, g.want, verdict); err != nil {
			return err
		}
	}
	return nil
}
