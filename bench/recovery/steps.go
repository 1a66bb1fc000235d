package recovery

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/varangian-bft/varangian/bench/group"
	"github.com/varangian-bft/varangian/bench/load"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// absentBatches is what the group moves on by while a replica is away: over its
// window, so that nobody still has the log that it lacks.
const absentBatches = 1500

// restarts measures how long a replica needs from its start to its next vote.
func (r *run) restarts(ctx context.Context) error {
	for _, c := range []struct {
		name string
		end  func() error
		goal time.Duration
	}{{"SIGTERM", r.victim().Stop, cleanGoal}, {"SIGKILL", r.victim().Kill, crashGoal}} {
		// Without writes since the last checkpoint there would be nothing to execute again.
		if _, err := r.change(ctx, 0.0005, 50); err != nil {
			return err
		}
		if err := c.end(); err != nil {
			return err
		}
		took, _, err := r.back(ctx)
		if err != nil {
			return fmt.Errorf("restart after %s: %w", c.name, err)
		}
		r.say("restart after %s: votes after %.2f s", c.name, took.Seconds())
		r.goal(took <= c.goal, "restart after "+c.name, seconds(took), seconds(c.goal))
	}
	return nil
}

// back starts the victim and waits until it is whole, which it then has to prove. It
// returns how long that took, and how many bytes came to it.
func (r *run) back(ctx context.Context) (time.Duration, uint64, error) {
	began, bytes := time.Now(), r.group.Links.Into(victimID)
	if err := r.victim().Start(); err != nil {
		return 0, 0, err
	}
	if err := r.group.AwaitWhole(ctx, r.victim()); err != nil {
		return 0, 0, err
	}
	took, moved := time.Since(began), r.group.Links.Into(victimID)-bytes
	return took, moved, r.prove(ctx)
}

// prove pauses another backup for one write, which then needs the victim's vote.
func (r *run) prove(ctx context.Context) (err error) {
	primary, err := r.group.Primary(ctx)
	if err != nil {
		return err
	}
	for _, other := range r.group.Replicas {
		if other == primary || other == r.victim() {
			continue
		}
		if err := other.Pause(); err != nil {
			return err
		}
		proof, cancel := context.WithTimeout(ctx, proofTimeout)
		_, err = r.clients[0].Invoke(proof, kv.Put([]byte("proof"), []byte(other.Name)))
		cancel()
		if resumed := other.Resume(); err == nil {
			err = resumed
		}
		if err != nil {
			return fmt.Errorf("%s looks whole, and without %s nothing is decided: %w", r.victim().Name, other.Name, err)
		}
		return r.group.AwaitWhole(ctx, other)
	}
	return nil
}

// differences compares what moves for a replica that lacks everything with what
// moves for one that lacks a twentieth.
func (r *run) differences(ctx context.Context) error {
	if err := r.victim().Kill(); err != nil {
		return err
	}
	changed, err := r.change(ctx, 0.05, absentBatches)
	if err != nil {
		return err
	}
	took, part, err := r.back(ctx)
	if err != nil {
		return fmt.Errorf("return of a replica for which 5 %% changed: %w", err)
	}
	r.say("away while %d entries (5 %%) changed in %d batches: whole after %.2f s and %.1f MB", changed, absentBatches, took.Seconds(), mega(part))
	if err := r.lose(); err != nil {
		return err
	}
	took, all, err := r.back(ctx)
	if err != nil {
		return fmt.Errorf("return of a wiped replica to an idle group: %w", err)
	}
	r.say("wiped, the group idle: whole after %.2f s and %.1f MB", took.Seconds(), mega(all))
	share := float64(part) / float64(max(all, 1))
	r.goal(share <= differenceGoal, "bytes moved when 5 % changed, of a full transfer", percent(share), percent(differenceGoal))
	return nil
}

// lose takes the victim's disk.
func (r *run) lose() error {
	if err := r.victim().Kill(); err != nil {
		return err
	}
	return r.victim().Wipe()
}

// wiped measures the throughput that the others keep while a replica without a disk
// comes back.
func (r *run) wiped(ctx context.Context) error {
	var done atomic.Uint64
	loading, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	var invokers []load.Invoker
	for _, c := range r.clients {
		invokers = append(invokers, c)
	}
	go func() {
		nothing := func() error { return nil }
		_, err := load.Run(loading, load.Config{
			Clients: invokers, InFlight: loadInFlight, Duration: stepTimeout, Operation: load.Puts(r.Keys, valueBytes),
			Begin: nothing, End: nothing,
		}, done.Store)
		ended <- err
	}()
	rate := func(work func() error) (float64, time.Duration, error) {
		began, from := time.Now(), done.Load()
		err := work()
		took := time.Since(began)
		return float64(done.Load()-from) / took.Seconds(), took, err
	}
	rest := func(d time.Duration) func() error { return func() error { return group.Wait(ctx, d) } }
	if err := group.Wait(ctx, before/2); err != nil { // warm-up
		return err
	}
	whole, _, err := rate(rest(before))
	if err != nil {
		return err
	}
	if err := r.lose(); err != nil {
		return err
	}
	without, _, err := rate(rest(before))
	if err != nil {
		return err
	}
	var moved uint64
	during, took, err := rate(func() (err error) {
		bytes := r.group.Links.Into(victimID)
		if err := r.victim().Start(); err != nil {
			return err
		}
		err = r.group.AwaitWhole(ctx, r.victim())
		moved = r.group.Links.Into(victimID) - bytes
		return err
	})
	r.say("wiped, under load: %.0f operations/s before, %.0f without it, %.0f while it came back", whole, without, during)
	r.goal(during >= throughputGoal*whole, "throughput while a wiped replica comes back, of that before", percent(during/max(whole, 1)), percent(throughputGoal))
	if err != nil {
		return fmt.Errorf("return of a wiped replica under load: %w", err)
	}
	r.say("wiped, under load: whole after %.1f s and %.1f MB", took.Seconds(), mega(moved))
	stop()
	if err := <-ended; err == nil {
		return fmt.Errorf("the load ended by itself after %v", stepTimeout)
	}
	return r.prove(ctx)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
func percent(share float64) string   { return fmt.Sprintf("%.1f %%", 100*share) }
func mega(bytes uint64) float64      { return float64(bytes) / 1e6 }
