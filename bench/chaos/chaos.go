// Package chaos disturbs a group of real processes under load: it kills, pauses,
// cuts off, slows down, damages and wipes replicas, at most f of them at a time,
// and looks whether clients notice anything but time.
//
// It is the opposite of the simulator: nothing is repeatable but the plan of
// faults, and everything is real.
//
// The caller
//
//  1. builds the programs and gives a folder that it removes afterwards;
//  2. keeps that folder if Run fails, since logs and data of the replicas are in it.
package chaos

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/varangian-bft/varangian/bench/group"
	"github.com/varangian-bft/varangian/bench/history"
	"github.com/varangian-bft/varangian/bench/tally"
	"github.com/varangian-bft/varangian/bench/witness"
	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/consensus"
)

// Config says what to do.
type Config struct {
	Binaries group.Binaries
	Dir      string // for the group; it must not exist
	Replicas int
	Duration time.Duration // during which faults are injected
	Seed     uint64        // of the plan of faults
	Faults   []Kind        // to choose from; nil for all
	Out      io.Writer
}

const (
	writers      = 8                      // of unique writes
	writeEvery   = 40 * time.Millisecond  // for each of them: 200 a second
	keys         = 8                      // of the histories, at once
	keyWorkers   = 3                      // for each of them
	callEvery    = 100 * time.Millisecond // for each of these: 240 a second
	loadClients  = 3                      // key pairs that the load shares
	witnessKey   = loadClients
	clientsCount = loadClients + 1

	// window gives a replica that is away for seconds a fair chance to come back
	// without state transfer, and one that is away for longer none.
	window = 1024

	startTimeout = time.Minute
	wholeTimeout = 90 * time.Second // for one replica to be whole again, under full load
	roundTimeout = 3 * time.Minute  // for one round of faults
	endTimeout   = 5 * time.Minute  // for all that is checked at the end
	opTimeout    = 20 * time.Second // for one operation: several view changes
	checkTimeout = time.Minute      // for the search for an order

	tallyPrefix   = "tally"
	historyPrefix = "history"
)

// A run is one group under load and its disturber.
type run struct {
	Config
	random  *rand.Rand
	group   *group.Group
	clients []*client.Client
	tally   *tally.Tally
	book    *history.Book
	table   table
	faults  int
}

// Run does what the Config says, and reports to its Out. An error says what a
// client or an operator could have noticed.
func Run(ctx context.Context, cfg Config) error {
	r := &run{Config: cfg, random: rand.New(rand.NewPCG(cfg.Seed, 0)), table: table{}}
	if r.Faults == nil {
		r.Faults = Kinds()
	}
	if err := r.setUp(ctx); err != nil {
		return err
	}
	defer r.tearDown()
	if err := r.disturb(ctx); err != nil {
		return fmt.Errorf("%w\n%s", err, r.group.Logs(logLines))
	}
	if err := r.finish(ctx); err != nil {
		return fmt.Errorf("%w\n%s", err, r.group.Logs(logLines))
	}
	return nil
}

const logLines = 8 // of each replica, that a failure shows

// setUp starts group and load.
func (r *run) setUp(ctx context.Context) (err error) {
	starting, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("the group was not ready within %v", startTimeout))
	defer cancel()
	r.group, err = group.New(starting, r.Binaries, group.Layout{
		Replicas: r.Replicas, Clients: clientsCount, Dir: r.Dir, Linked: true,
		Parameters: map[string]int64{"window": window}, Flags: []string{"--segment-bytes", "8388608"},
	})
	if err != nil {
		return err
	}
	r.say("%d replicas, of which %d may be faulty", r.Replicas, consensus.QuorumsOf(r.Replicas).F)
	if err = r.group.Start(starting); err == nil {
		err = r.load(ctx)
	}
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, r.group.Logs(logLines))
		r.tearDown()
	}
	return err
}

// load starts clients that count, compare and write.
func (r *run) load(ctx context.Context) error {
	var all []history.Client
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
		all = append(all, c)
	}
	r.tally = tally.Start(ctx, all[0], tallyPrefix, writers, tally.GoOn(opTimeout), tally.Every(writeEvery))
	r.book = history.Start(ctx, history.Config{
		Clients: all[1:], Prefix: historyPrefix, Keys: keys, Workers: keyWorkers, Timeout: opTimeout, Every: callEvery, Seed: r.Seed,
	})
	return nil
}

func (r *run) tearDown() {
	for _, c := range r.clients {
		c.Close()
	}
	_ = r.group.Close() // a replica that did not end is one of the errors that led here
}

func (r *run) say(format string, args ...any) { fmt.Fprintf(r.Out, format+"\n", args...) }

// disturb injects faults, round by round, until the time is up.
func (r *run) disturb(ctx context.Context) error {
	began := time.Now()
	for time.Since(began) < r.Duration {
		if err := r.round(ctx, began); err != nil {
			return fmt.Errorf("after %v and %d faults: %w", time.Since(began).Round(time.Second), r.faults, err)
		}
	}
	return nil
}

// finish lets the group come to rest, and compares what it holds with what clients
// know.
func (r *run) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, endTimeout, fmt.Errorf("not done within %v", endTimeout))
	defer cancel()
	r.say("")
	if err := r.table.write(r.Out); err != nil {
		return err
	}
	if err := r.tally.Stop(); err != nil {
		return fmt.Errorf("a unique write: %w", err)
	}
	if err := r.book.Stop(); err != nil {
		return fmt.Errorf("an operation: %w", err)
	}
	executed, history, err := r.group.Agree(ctx)
	if err != nil {
		return err
	}
	r.say("\nall replicas executed %d, and have history %s", executed, history)
	if err := r.compare(ctx); err != nil {
		return err
	}
	writes, err := r.tally.Check(ctx)
	if err != nil {
		return err
	}
	r.say("all %d acknowledged unique writes are there, each exactly once; of %d without an answer, %d are there, once",
		writes.Acknowledged, writes.Unknown, writes.Found)
	v, err := r.book.Check(checkTimeout)
	if err != nil {
		return err
	}
	r.say("%d reads, writes, compare-and-sets, counts and deletions under %d keys are linearizable (%d more without an answer)",
		v.Acknowledged, v.Keys, v.Unknown)
	if err := v.MostlyAnswered(keys * keyWorkers); err != nil {
		return err
	}
	if v.Undecided > 0 {
		return fmt.Errorf("for %d of %d keys no order was found or excluded within %v", v.Undecided, v.Keys, checkTimeout)
	}
	r.say("%d faults, %d operations acknowledged", r.faults, writes.Acknowledged+v.Acknowledged)
	return r.group.Sound()
}

// compare reads the whole state through each replica.
func (r *run) compare(ctx context.Context) error {
	keys, err := r.group.Keys(witnessKey)
	if err != nil {
		return err
	}
	w, err := witness.Dial(ctx, r.group.File(), keys)
	if err != nil {
		return err
	}
	defer w.Close()
	n, err := w.Compare(ctx, historyPrefix)
	if err != nil {
		return err
	}
	m, err := w.Compare(ctx, tallyPrefix)
	if err != nil {
		return err
	}
	r.say("all replicas read the same %d entries", n+m)
	return nil
}
