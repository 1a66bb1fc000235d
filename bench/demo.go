package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/bench/group"
	"github.com/varangian-bft/varangian/bench/tally"
	"github.com/varangian-bft/varangian/client"
)

const (
	demoReplicas = 4
	demoWorkers  = 16
	demoWrites   = 2000            // acknowledged in each phase of the load
	buildTimeout = 5 * time.Minute // of a cold build on a slow machine
	demoTimeout  = 2 * time.Minute // of everything after it
	logLines     = 5               // of each replica, that a failure shows
)

func demoCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "demo",
		Short: "Kill the primary of four replicas under load, and show that nothing is lost",
		Args:  cobra.NoArgs,
	}
	bin := binFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		d := &demo{narrator: narrator{out: c.OutOrStdout()}}
		if err := d.run(c.Context(), *bin); err != nil {
			return fmt.Errorf("demo: step %d: %w", d.step, err)
		}
		_, err := fmt.Fprintln(c.OutOrStdout(), "demo: ok")
		return err
	}
	return c
}

type demo struct {
	narrator
	place  *place
	group  *group.Group
	load   *tally.Tally
	client *client.Client
}

func (d *demo) run(ctx context.Context, bin string) error {
	began := time.Now()
	d.begin("Build the programs that a user runs, replica and client, and one that lies.")
	building, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	var err error
	if d.place, err = newPlace(building, bin); err != nil {
		return err
	}
	return whole(d.place.close, func() error {
		if err := d.place.binaries.BuildLiar(building, d.place.dir); err != nil {
			return err
		}
		d.say("built after %v, in the temporary folder %s", round(time.Since(began)), d.place.dir)
		ctx, cancel := context.WithTimeoutCause(ctx, demoTimeout, fmt.Errorf("not done within %v", demoTimeout))
		defer cancel()
		return d.inPlace(ctx)
	})
}

func (d *demo) inPlace(ctx context.Context) (err error) {
	d.begin("Lay out a group of %d replicas, of which 1 may be faulty: replica init.", demoReplicas)
	d.group, err = group.New(ctx, d.place.binaries, group.Layout{
		Replicas: demoReplicas, Clients: 2, Dir: filepath.Join(d.place.dir, "group"),
	})
	if err != nil {
		return err
	}
	err = whole(d.group.Close, func() error { return d.steps(ctx) })
	if failedByItself(err) {
		fmt.Fprint(d.out, d.group.Logs(logLines))
	}
	return err
}

func (d *demo) steps(ctx context.Context) error {
	defer func() {
		if d.client != nil {
			d.client.Close()
		}
	}()
	for _, step := range []func(context.Context) error{
		d.start, d.operate, d.loseThePrimary, d.takeItBack, d.compare, d.checkWrites, d.faceALiar, d.checkReceipt, d.end,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) start(ctx context.Context) error {
	d.begin("Start the %d replicas, each a process with its own keys, log and state: replica run.", demoReplicas)
	began := time.Now()
	if err := d.group.Start(ctx); err != nil {
		return err
	}
	for _, r := range d.group.Replicas {
		d.say("%s is process %d", r.Name, r.PID())
	}
	d.say("each is connected to all others after %v", round(time.Since(began)))
	return nil
}

// receiptName is the file in which step operate leaves a receipt.
const receiptName = "colour.receipt"

func (d *demo) operate(ctx context.Context) error {
	d.begin("Use the service with the client program. A result counts when 2 replicas say it alike.")
	for _, line := range []struct{ args, want string }{
		{"put colour green", ""},
		{"get colour", "green"},
		{"cas colour green blue", ""},
		{"incr visits 41", "41"},
		{"incr visits", "42"},
		{"put colour red --receipt " + receiptName, ""},
		{"get colour", "red"},
	} {
		out, err := d.group.Client(ctx, strings.Fields(line.args)...)
		if err != nil {
			return err
		}
		out = strings.TrimSpace(out)
		if line.want != "" && out != line.want {
			return fmt.Errorf("client %s printed %q instead of %q", line.args, out, line.want)
		}
		d.say("client %-40s %s", line.args, out)
	}
	return nil
}

func (d *demo) loseThePrimary(ctx context.Context) error {
	d.begin("Put a load of writes on the group, and kill its primary with SIGKILL.")
	var err error
	if d.client, err = dial(ctx, d.group, 1); err != nil {
		return err
	}
	d.load = tally.Start(ctx, d.client, "demo", demoWorkers)
	if err := d.load.Await(ctx, demoWrites); err != nil {
		return err
	}
	primary, err := d.group.Primary(ctx)
	if err != nil {
		return err
	}
	before := d.load.Acknowledged()
	d.load.Mark()
	if err := primary.Kill(); err != nil {
		return err
	}
	d.say("%d writes were acknowledged when %s, the primary, was killed", before, primary.Name)
	if err := d.load.Await(ctx, before+demoWrites); err != nil {
		return err
	}
	next, err := d.group.Primary(ctx)
	if err != nil {
		return err
	}
	if next == primary {
		return fmt.Errorf("the replicas still take %s for the primary, which is dead", primary.Name)
	}
	d.say("the service paused for %v, and went on with %s as primary", round(d.load.Pause()), next.Name)
	return nil
}

func (d *demo) takeItBack(ctx context.Context) error {
	var dead *group.Replica
	for _, r := range d.group.Replicas {
		if !r.Running() {
			dead = r
		}
	}
	d.begin("Start %s again while the load goes on, and wait until it has caught up.", dead.Name)
	target := uint64(0)
	for _, s := range d.group.Statuses(ctx) {
		target = max(target, s.Executed)
	}
	began := time.Now()
	if err := dead.Start(); err != nil {
		return err
	}
	err := d.group.AwaitAll(ctx, func(all []group.Status) bool {
		for _, s := range all {
			if s.Executed < target {
				return false
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	d.say("it has executed all that the others had, up to %d, after %v", target, round(time.Since(began)))
	if err := d.load.Await(ctx, d.load.Acknowledged()+demoWrites); err != nil {
		return err
	}
	return d.load.Stop()
}

func (d *demo) compare(ctx context.Context) error {
	d.begin("Stop the load, and compare the history of all replicas: the hash over everything they executed.")
	executed, history, err := d.group.Agree(ctx)
	if err != nil {
		return err
	}
	for _, r := range d.group.Replicas {
		d.say("%s executed %d, history %s", r.Name, executed, history)
	}
	return nil
}

func (d *demo) checkWrites(ctx context.Context) error {
	d.begin("Read the state, and look for each acknowledged write.")
	v, err := d.load.Check(ctx)
	if err != nil {
		return err
	}
	d.say("all %d acknowledged writes are there, each exactly once", v.Acknowledged)
	if v.Unknown > 0 {
		d.say("of %d writes without an answer %d were executed, once", v.Unknown, v.Found)
	}
	out, err := d.group.Client(ctx, "get", "visits")
	if err == nil && strings.TrimSpace(out) != "42" {
		err = fmt.Errorf("visits is %q instead of 42", out)
	}
	return err
}

func (d *demo) checkReceipt(ctx context.Context) error {
	d.begin("Stop all replicas with SIGTERM, and verify the receipt of step 4 offline.")
	for _, r := range d.group.Replicas {
		if err := r.Stop(); err != nil {
			return err
		}
	}
	d.say("all replicas stopped properly")
	out, err := d.group.Client(ctx, "receipt", "verify", receiptName)
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(out, "\n")
	d.say("client receipt verify %s: %s", receiptName, first)
	return nil
}

func (d *demo) end(context.Context) error {
	d.begin("Clean up: end the processes, remove the folder.")
	return nil
}

// dial returns client i of a group.
func dial(ctx context.Context, g *group.Group, i int) (*client.Client, error) {
	keys, err := g.Keys(i)
	if err != nil {
		return nil, err
	}
	return client.Dial(ctx, client.Config{GroupFile: g.File(), Keys: keys})
}

func round(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}
