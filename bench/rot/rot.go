// Package rot damages the files of a replica again and again, one bit, one cut or
// one deletion at a time, and looks what it does with that. Each round has to end in
// one of three ways: the replica repaired itself, it refused to run and named the
// file, or the damage was to nothing that counts. It must never answer wrongly, vote
// in contradiction to itself, or lose something and say nothing.
//
// The caller
//
//  1. builds the programs and gives a folder that it removes afterwards;
//  2. keeps that folder if Run fails, since logs and data of the replicas are in it.
package rot

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/varangian-bft/varangian/bench/damage"
	"github.com/varangian-bft/varangian/bench/group"
	"github.com/varangian-bft/varangian/bench/tally"
	"github.com/varangian-bft/varangian/bench/witness"
	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// Config says what to do.
type Config struct {
	Binaries group.Binaries
	Dir      string // for the group; it must not exist
	Rounds   int
	Seed     uint64
	Out      io.Writer
}

const (
	replicas    = 4
	writers     = 4                     // of unique writes, while replicas restart
	writeEvery  = 25 * time.Millisecond // for each of them: 160 a second
	filled      = 5000                  // entries that are there from the start
	fillEach    = 500                   // of them in one operation
	valueBytes  = 128
	loadKey     = 0 // key pairs
	witnessKey  = 1
	clientCount = 2

	setUpTimeout = time.Minute
	roundTimeout = 2 * time.Minute
	opTimeout    = 20 * time.Second
	logLines     = 8

	fillPrefix  = "filled"
	tallyPrefix = "tally"
)

// parameters make checkpoints, and what recovery waits for, short.
var parameters = map[string]int64{"checkpoint_interval": 16, "window": 128, "snapshot_interval": 16}

type run struct {
	Config
	random  *rand.Rand
	group   *group.Group
	client  *client.Client
	witness *witness.Witness
	tally   *tally.Tally
	table   table
}

// Run does what the Config says, and reports to its Out.
func Run(ctx context.Context, cfg Config) (err error) {
	r := &run{Config: cfg, random: rand.New(rand.NewPCG(cfg.Seed, 1)), table: table{}}
	starting, cancel := context.WithTimeoutCause(ctx, setUpTimeout, fmt.Errorf("the group was not ready within %v", setUpTimeout))
	defer cancel()
	r.group, err = group.New(starting, r.Binaries, group.Layout{
		Replicas: replicas, Clients: clientCount, Dir: r.Dir, Parameters: parameters, Flags: []string{"--segment-bytes", "8388608"},
	})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, r.group.Logs(logLines))
		}
		if closed := r.group.Close(); err == nil {
			err = closed
		}
	}()
	if err := r.group.Start(starting); err != nil {
		return err
	}
	if err := r.fill(ctx, starting); err != nil {
		return err
	}
	defer r.client.Close()
	defer r.witness.Close()
	for i := range r.Rounds {
		if err := r.round(ctx, i+1); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
	}
	return r.finish(ctx)
}

// fill starts clients, and puts something there that can rot.
func (r *run) fill(ctx, starting context.Context) error {
	keys, err := r.group.Keys(loadKey)
	if err != nil {
		return err
	}
	if r.client, err = client.Dial(ctx, client.Config{GroupFile: r.group.File(), Keys: keys}); err != nil {
		return err
	}
	if keys, err = r.group.Keys(witnessKey); err != nil {
		return err
	}
	if r.witness, err = witness.Dial(ctx, r.group.File(), keys); err != nil {
		return err
	}
	value := make([]byte, valueBytes)
	for i := 0; i < filled; i += fillEach {
		var puts [][]byte
		for j := range fillEach {
			for k := range value {
				value[k] = byte(r.random.Uint32())
			}
			puts = append(puts, kv.Put(fmt.Appendf(nil, "%s/%06d", fillPrefix, i+j), value))
		}
		if _, err := r.client.Invoke(starting, kv.Atomic(puts...)); err != nil {
			return err
		}
	}
	r.tally = tally.Start(ctx, r.client, tallyPrefix, writers, tally.GoOn(opTimeout), tally.Every(writeEvery))
	return nil
}

// round damages one file of one replica, and starts it again.
func (r *run) round(ctx context.Context, number int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, roundTimeout, fmt.Errorf("not done within %v", roundTimeout))
	defer cancel()
	victim := r.group.Replicas[r.random.IntN(replicas)]
	if err := r.stop(ctx, victim); err != nil {
		return err
	}
	harm, err := damage.Draw(r.random, victim.Data())
	if err != nil {
		return err
	}
	victim.Harmed = true
	if err := harm.Do(); err != nil {
		return err
	}
	said, damaged, err := r.group.Verify(ctx, victim)
	if err != nil {
		return fmt.Errorf("%s: %v: %w", victim.Name, harm, err)
	}
	began := time.Now()
	end, words, err := r.start(ctx, victim, harm, damaged)
	if err != nil {
		return fmt.Errorf("%s: %v: %w\nreplica verify said:\n%s", victim.Name, harm, err, said)
	}
	took := time.Since(began)
	if err := r.compare(ctx); err != nil {
		return fmt.Errorf("%s: %v: %s: %w", victim.Name, harm, end, err)
	}
	if err := r.tally.Await(ctx, r.tally.Acknowledged()+1); err != nil {
		return err
	}
	if err := r.group.Sound(); err != nil {
		return err
	}
	r.table.add(harm, end, took)
	fmt.Fprintf(r.Out, "%4d. %s: %v: %s after %.2f s%s\n", number, victim.Name, harm, end, took.Seconds(), words)
	return nil
}

// stop ends a replica, now properly and now by a crash. Its folder is in order then:
// whatever happened to it in earlier rounds is repaired, and not just unnoticed.
func (r *run) stop(ctx context.Context, victim *group.Replica) error {
	end := victim.Kill
	if r.random.IntN(3) == 0 {
		end = victim.Stop
	}
	if err := end(); err != nil {
		return err
	}
	said, damaged, err := r.group.Verify(ctx, victim)
	if err == nil && damaged {
		err = fmt.Errorf("%s holds damage of an earlier round, unrepaired: %s", victim.Name, said)
	}
	return err
}

// start starts a damaged replica, and says how that ended.
func (r *run) start(ctx context.Context, victim *group.Replica, harm damage.Harm, damaged bool) (end, string, error) {
	if err := victim.Start(); err != nil {
		return "", "", err
	}
	victim.Forgive()
	err := r.group.AwaitWhole(ctx, victim)
	if !victim.Running() {
		return r.refused(ctx, victim, harm)
	}
	if err != nil {
		return "", "", err
	}
	words := victim.Said("set aside", "the state is missing", "signs nothing", "repair")
	switch {
	case len(words) > 0:
		return repaired, ": " + message(words[0]), nil
	case damaged:
		// It is whole, and its answers are compared next; whether its files are, too, is
		// looked at when it stops again, at the latest in the end.
		return unsaid, "", nil
	}
	return harmless, "", nil
}

// refused looks at how a replica ended, and replaces it, as an operator would.
func (r *run) refused(ctx context.Context, victim *group.Replica, harm damage.Harm) (end, string, error) {
	line, err := victim.Refused(ctx, harm.Path)
	if err != nil {
		return "", "", err
	}
	if err := victim.Wipe(); err != nil {
		return "", "", err
	}
	if err := victim.Start(); err != nil {
		return "", "", err
	}
	return refused, ": " + message(line), r.group.AwaitWhole(ctx, victim)
}

// message returns the words of a line of the log, shortened.
func message(line string) string {
	const most = 160
	if len(line) > most {
		return line[:most] + "..."
	}
	return line
}

// compare reads the whole state through each replica.
func (r *run) compare(ctx context.Context) error {
	for _, prefix := range []string{fillPrefix, tallyPrefix} {
		n, err := r.witness.Compare(ctx, prefix)
		if err != nil {
			return err
		}
		if prefix == fillPrefix && n != filled {
			return fmt.Errorf("%d entries are there of %d", n, filled)
		}
	}
	return nil
}

// finish lets the group come to rest, and looks at everything once more.
func (r *run) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, roundTimeout, fmt.Errorf("not done within %v", roundTimeout))
	defer cancel()
	fmt.Fprintln(r.Out)
	if err := r.table.write(r.Out); err != nil {
		return err
	}
	if err := r.tally.Stop(); err != nil {
		return err
	}
	executed, history, err := r.group.Agree(ctx)
	if err != nil {
		return err
	}
	writes, err := r.tally.Check(ctx)
	if err != nil {
		return err
	}
	if err := r.group.Sound(); err != nil {
		return err
	}
	for _, victim := range r.group.Replicas {
		if err := r.stop(ctx, victim); err != nil {
			return err
		}
	}
	fmt.Fprintf(r.Out, "\n%d rounds: 0 wrong answers, 0 contradictory votes; all replicas executed %d and have history %s\n", r.Rounds, executed, history)
	fmt.Fprintf(r.Out, "all %d acknowledged writes are there, each exactly once; of %d without an answer, %d are there, once\n",
		writes.Acknowledged, writes.Unknown, writes.Found)
	return nil
}
