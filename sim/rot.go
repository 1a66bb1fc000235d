package sim

import (
	"errors"
	"fmt"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/memory"
)

// rot is what a replica's disk did to its state, and what the replica knows of it.
// From the decay to the end of the repair the replica counts as faulty: what it says
// of its state may be wrong. Its votes may not.
type rot struct {
	rotten bool
	decays int    // in all
	seen   int    // of them before the present alarm
	alarm  string // survives a crash; empty if there is none that is open
	rounds uint64 // of the scrub, when the last decay was
	// emptied says that this start found the state of genesis in its place.
	emptied bool
	asked   bool // the scrub's next piece waits its turn
	ticks   int
	pieces  int // of the scrub
}

// scrubKeys is how many keys a scrub compares at once.
const scrubKeys = 8

// Decay lets some entries of the replica's state rot, without a sign (R121).
func (r *Replica) Decay() {
	for range 1 + r.chance.IntN(3) {
		how := memory.Decay(r.chance.IntN(int(memory.Decays)))
		if _, ok := r.store.Decay(how, r.chance.IntN); ok {
			r.rot.rotten = true
			r.rot.decays++
			r.world.coverage.count("fault entry " + how.String())
		}
	}
	r.rot.rounds = 0
	if r.storer.snapshots != nil {
		r.rot.rounds, _, _, _ = r.storer.snapshots.Scrubbed()
	}
}

// trusted reports whether what the replica says of its state is held against it.
func (r *Replica) trusted() bool { return r.behaviour == nil && !r.rot.rotten }

// loadState loads the state that a start finds.
func (r *Replica) loadState() (machine *statemachine.Machine, found core.Durable, snapshots *core.Snapshotter, err error) {
	machine, err = statemachine.NewMachine(r.world.cfg.App(), r.world.group, r.store, statemachine.WithScheme(r.world.cfg.Scheme))
	if err != nil {
		return nil, found, nil, err
	}
	if snapshots, found.Snapshot, err = core.NewSnapshotter(r.world.group, r.store); err != nil {
		return nil, found, nil, err
	}
	found.Marker, err = r.store.Marker()
	found.History, found.Enrolled, found.Suspect = machine.History(), len(machine.Enrolments()), r.rot.alarm
	found.Emptied = r.rot.emptied
	r.rot.emptied = false
	return machine, found, snapshots, err
}

// openState loads the state. One that cannot be loaded is put aside, and the replica
// begins with that of genesis (R51).
func (r *Replica) openState() (machine *statemachine.Machine, found core.Durable, snapshots *core.Snapshotter, err error) {
	if err = r.store.Check(); err == nil {
		machine, found, snapshots, err = r.loadState()
	}
	if !errors.Is(err, statemachine.ErrRot) {
		return machine, found, snapshots, err
	}
	r.world.coverage.count("state set aside at a start")
	r.rot.alarm = err.Error()
	r.setStateAside()
	return r.loadState()
}

// suspected tells the core of rot, and reports whether an error is that.
func (r *Replica) suspected(err error) bool {
	if !errors.Is(err, statemachine.ErrRot) {
		return false
	}
	r.world.coverage.count("rot found by the replica")
	r.step(core.Suspected{Reason: err.Error(), Ruined: errors.Is(err, statemachine.ErrRuined)})
	return true
}

// alarms carries out what the core says about its own state.
func (r *Replica) alarms(out *core.Output) {
	for _, reason := range out.Alarm {
		r.rot.alarm, r.rot.seen = reason, r.rot.decays
		r.world.fault(int(r.id), "alarm", ": %s", reason)
		if r.trusted() {
			r.world.checks.fail("false alarm", "%s suspects a state in which nothing has rotted: %s", replicaName(int(r.id)), reason)
		}
	}
	for _, at := range out.Repaired {
		r.world.fault(int(r.id), "repaired", " at %d", at)
		// A repair in place does not help ruin, which a check will find.
		r.rot.alarm, r.rot.rotten = "", r.rot.rotten && (r.rot.decays > r.rot.seen || r.store.Check() != nil)
	}
	if out.GiveUp {
		r.world.coverage.count("state given up")
		r.world.after(0, func() {
			if r.up && r.rot.alarm != "" {
				r.CrashWith(Loss{})
				r.setStateAside()
				r.world.restart(r)
			}
		})
	}
}

// silent checks that no frame leaves which rests on a state that its replica itself
// does not believe (R51).
func (c *checks) silent(by consensus.ReplicaID, frame []byte) {
	if c.world.replicas[by].rot.alarm == "" {
		return
	}
	switch kind := wire.Type(frame); {
	case kind == pbft.TypeCheckpoint:
		if at, _, signer := readCheckpoint(frame); signer == by {
			c.fail("silence about a suspect state", "%s states a checkpoint at %d", replicaName(int(by)), at)
		}
	case kind == consensus.TypeSnapshot, transfer.OfState(frame):
		c.fail("silence about a suspect state", "%s sends a frame of type %d", replicaName(int(by)), kind)
	}
}

// setStateAside puts that of genesis in the place of the state.
func (r *Replica) setStateAside() {
	r.store = memory.New()
	r.rot.emptied, r.rot.rotten = true, false
}

// scrubEvery is how many ticks pass from one piece to the next where nothing rots: it
// would else be half of what a world costs.
const scrubEvery = 64

// checkEvery is how many pieces pass from one check of all files to the next: until
// then a state that hides something is executed upon.
const checkEvery = 64

// scrub compares a further piece of the state with what was certified (R56).
func (r *Replica) scrub() {
	r.rot.ticks++
	if r.rot.asked || r.rot.alarm != "" || !r.rot.rotten && r.rot.ticks%scrubEvery != 0 {
		return
	}
	r.rot.asked = true
	r.storer.put(job{read: func() error {
		r.rot.asked = false
		if r.rot.alarm != "" {
			return nil
		}
		if r.rot.pieces++; r.rot.pieces%checkEvery == 0 {
			if err := r.store.Check(); err != nil {
				return err
			}
		}
		_, err := r.storer.snapshots.Scrub(scrubKeys)
		return err
	}})
}

// scrubbed reports whether all that has rotted would have been found by now.
func (r *Replica) scrubbed() bool {
	if !r.rot.rotten || r.storer.snapshots == nil {
		return true
	}
	rounds, _, _, waiting := r.storer.snapshots.Scrubbed()
	return r.rot.alarm == "" && r.store.Check() == nil && (waiting || rounds > r.rot.rounds+1)
}

// rotStatus says what there is to know about a replica whose state has rotted.
func (r *Replica) rotStatus() string {
	if !r.rot.rotten || r.storer.snapshots == nil {
		return ""
	}
	rounds, passed, of, waiting := r.storer.snapshots.Scrubbed()
	return fmt.Sprintf(", rotten, alarm %q, scrub %d rounds (%d at the decay), %d of %d keys, waits %v: %s",
		r.rot.alarm, rounds, r.rot.rounds, passed, of, waiting, r.core.Status().Repair)
}
