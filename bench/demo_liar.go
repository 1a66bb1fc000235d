package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/varangian-bft/varangian/bench/group"
	"github.com/varangian-bft/varangian/bench/tally"
)

const (
	liarTries   = 4               // primaries that are replaced until one has lied
	liarTimeout = 5 * time.Second // for the others to find the proof
)

// faceALiar puts an equivocating primary in the place of the real one, under load:
// the service goes on without it, and the others hold the proof.
func (d *demo) faceALiar(ctx context.Context) error {
	d.begin("Put a liar in the primary's place: it proposes one batch to some replicas and another to the others.")
	load := tally.Start(ctx, d.client, "liar", demoWorkers)
	liar, witness, err := d.plantLiar(ctx, load)
	if err != nil {
		return err
	}
	before := load.Acknowledged()
	if err := load.Await(ctx, before+demoWrites/2); err != nil {
		return err
	}
	next, err := d.group.Primary(ctx)
	if err != nil {
		return err
	}
	d.say("the others voted %s out, and went on with %s as primary: %d more writes were acknowledged", liar.Name, next.Name, load.Acknowledged()-before)
	if err := load.Stop(); err != nil {
		return err
	}
	if err := liar.Kill(); err != nil {
		return err
	}
	v, err := load.Check(ctx)
	if err != nil {
		return err
	}
	d.say("all %d acknowledged writes are there, each exactly once", v.Acknowledged)
	proof, err := d.group.Replica(ctx, "evidence", "--dir", witness.Dir)
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(proof, "\n")
	d.say("replica evidence, on %s: %s", witness.Name, first)
	if !strings.HasPrefix(first, liar.Name+" ") || !strings.HasSuffix(first, "verified") {
		return fmt.Errorf("that is no proof against %s", liar.Name)
	}
	return nil
}

// plantLiar replaces the primary by a liar until one of the others has a proof. A
// liar that comes up too late, when the view has changed, is a backup and has
// nothing to lie about; then the next primary is tried.
func (d *demo) plantLiar(ctx context.Context, load *tally.Tally) (liar, witness *group.Replica, err error) {
	for range liarTries {
		if err := load.Await(ctx, load.Acknowledged()+100); err != nil {
			return nil, nil, err
		}
		liar, err = d.group.Primary(ctx)
		if err != nil {
			return nil, nil, err
		}
		honest := liar.Program()
		if err := liar.Kill(); err != nil {
			return nil, nil, err
		}
		liar.Become(d.place.binaries.Liar)
		if err := liar.Start(); err != nil {
			return nil, nil, err
		}
		liar.Forgive() // its own lies may come back to it and end it
		if witness = d.group.Witness(ctx, liar, liarTimeout); witness != nil {
			return liar, witness, nil
		}
		if err := liar.Kill(); err != nil {
			return nil, nil, err
		}
		liar.Become(honest)
		if err := liar.Start(); err != nil {
			return nil, nil, err
		}
		if err := d.group.AwaitAll(ctx, func(all []group.Status) bool { return len(all) == demoReplicas }); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, fmt.Errorf("no replica found a proof against %d lying primaries", liarTries)
}
