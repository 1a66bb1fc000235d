// Package soak puts a full load on a group for minutes, and looks whether memory and
// disk of the replicas stop growing. The load changes a fixed number of entries again
// and again, so everything that grows for ever is garbage that nobody collects.
//
// The caller gives a folder that it removes afterwards.
package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/varangian-bft/varangian/bench/group"
	"github.com/varangian-bft/varangian/bench/load"
	"github.com/varangian-bft/varangian/client"
)

// Config says what to do.
type Config struct {
	Binaries group.Binaries
	Dir      string // for the group; it must not exist
	Duration time.Duration
	Keys     int
	Out      io.Writer
}

const (
	replicas    = 4
	inFlight    = 1000 // of one client
	valueBytes  = 128
	sampleEvery = 5 * time.Second

	setUpTimeout = time.Minute
	restTimeout  = time.Minute
	logLines     = 8
)

// Run loads, samples, and reports to its Out. An error says that something grows, that
// the load failed or came to a stand, in which case nothing would grow, or that the
// replicas do not end alike.
func Run(ctx context.Context, cfg Config) (err error) {
	starting, cancel := context.WithTimeoutCause(ctx, setUpTimeout, fmt.Errorf("the group was not ready within %v", setUpTimeout))
	defer cancel()
	g, err := group.New(starting, cfg.Binaries, group.Layout{Replicas: replicas, Clients: 1, Dir: cfg.Dir})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, g.Logs(logLines))
		}
		err = errors.Join(err, g.Close())
	}()
	if err := g.Start(starting); err != nil {
		return err
	}
	keys, err := g.Keys(0)
	if err != nil {
		return err
	}
	c, err := client.Dial(ctx, client.Config{GroupFile: g.File(), Keys: keys})
	if err != nil {
		return err
	}
	defer c.Close()
	s := &series{}
	measured, err := loaded(ctx, cfg, g, c, s)
	if err != nil {
		return err
	}
	if err := s.write(cfg.Out); err != nil {
		return err
	}
	fmt.Fprintf(cfg.Out, "\n%d operations in %v, %.0f a second, on %d keys with values of %d bytes; %d failed\n", measured.Operations,
		measured.Elapsed.Round(time.Second), float64(measured.Operations)/measured.Elapsed.Seconds(), cfg.Keys, valueBytes, failed(measured))
	if n := failed(measured); n > 0 {
		return fmt.Errorf("%d operations failed: %v", n, measured.Errors)
	}
	if err := s.served(); err != nil {
		return err
	}
	if err := alike(ctx, g); err != nil {
		return err
	}
	return s.bounded(cfg.Out)
}

// alike waits until all replicas have executed the same, and looks whether anything is
// wrong with one of them.
func alike(ctx context.Context, g *group.Group) error {
	ctx, cancel := context.WithTimeoutCause(ctx, restTimeout, fmt.Errorf("the group did not come to rest within %v", restTimeout))
	defer cancel()
	if _, _, err := g.Agree(ctx); err != nil {
		return err
	}
	return g.Sound()
}

func failed(m load.Measured) uint64 {
	var n uint64
	for _, count := range m.Errors {
		n += count
	}
	return n
}

// loaded puts the load on, and takes samples meanwhile.
func loaded(ctx context.Context, cfg Config, g *group.Group, c *client.Client, s *series) (load.Measured, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var done atomic.Uint64
	sampled := make(chan error, 1)
	go func() {
		err := watch(ctx, g, s, &done)
		if err != nil {
			stop(err) // the load is of no use without
		}
		sampled <- err
	}()
	nothing := func() error { return nil }
	m, err := load.Run(ctx, load.Config{
		Clients: []load.Invoker{c}, InFlight: inFlight, Duration: cfg.Duration, Operation: load.Puts(cfg.Keys, valueBytes),
		Begin: nothing, End: nothing,
	}, done.Store)
	stop(nil)
	return m, errors.Join(<-sampled, err)
}

// watch takes samples of all replicas until ctx is done.
func watch(ctx context.Context, g *group.Group, s *series, done *atomic.Uint64) error {
	began := time.Now()
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		round := round{at: time.Since(began), operations: done.Load()}
		for _, r := range g.Replicas {
			if err := r.Check(); err != nil {
				return err
			}
			one, err := of(r)
			if err != nil {
				return err
			}
			round.samples = append(round.samples, one)
		}
		s.rounds = append(s.rounds, round)
	}
}
