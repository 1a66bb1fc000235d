package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/log"
	"github.com/varangian-bft/varangian/store/log/logtest"
	"github.com/varangian-bft/varangian/store/memory"
)

// A Replica is a production core with a virtual disk. Between Crash and Start it
// is down.
type Replica struct {
	world  *World
	id     consensus.ReplicaID
	signer crypto.Signer
	disk   *logtest.Disk
	store  *memory.Store

	life    int // incarnation: what an earlier one began does not come back
	up      bool
	engine  *pbft.Engine
	core    *core.Core
	machine *statemachine.Machine
	log     *log.Log
	server  *transfer.Server
	decoder core.Decoder
	storer  storer
	out     core.Output
	syncing bool
	pending []consensus.Record // appended, not synced
	Halted  *consensus.Halt    // why it stopped for good

	behaviour Behaviour // nil for a correct replica
}

func newReplica(w *World, id consensus.ReplicaID, signer crypto.Signer) *Replica {
	return &Replica{world: w, id: id, signer: signer, disk: logtest.NewDisk(), store: memory.New()}
}

// Up reports whether the replica runs.
func (r *Replica) Up() bool { return r.up }

// Status returns where the core stands.
func (r *Replica) Status() core.Status { return r.core.Status() }

// Start starts the replica from what its disk holds (R85).
func (r *Replica) Start() error {
	w := r.world
	r.life++
	r.Halted = nil
	machine, err := statemachine.NewMachine(w.cfg.App(), w.group, r.store, statemachine.WithScheme(w.cfg.Scheme))
	if err != nil {
		return err
	}
	engine := pbft.New(pbft.Config{Group: w.group, Self: r.id, Signer: r.signer, Timeout: w.cfg.Timeout})
	r.machine, r.engine = machine, engine
	r.core = core.New(core.Config{
		Group: w.group, Self: r.id, Signer: r.signer, Engine: engine, Pool: core.DefaultPoolLimits(w.cfg.Parameters),
	})
	r.decoder = core.Decoder{Group: w.group, Codec: pbft.NewCodec(w.group)}
	r.log, err = log.Open(r.disk, log.Config{Identity: w.group.ID, SegmentBytes: 1 << 16}, r.core.Replay)
	if err != nil {
		return fmt.Errorf("%s: %w", replicaName(int(r.id)), err)
	}
	found := core.Durable{History: machine.History(), Enrolled: len(machine.Enrolments())}
	if found.Marker, err = r.store.Marker(); err != nil {
		return err
	}
	r.storer = storer{replica: r}
	if r.storer.snapshots, found.Snapshot, err = core.NewSnapshotter(w.group, r.store); err != nil {
		return err
	}
	r.server = transfer.NewServer(w.group, r.store, &transfer.MemorySpool{})
	r.up, r.syncing, r.pending = true, false, nil
	r.core.Start(found, w.now, &r.out)
	r.carry()
	r.tick()
	return nil
}

// Crash loses power: what was not synced may be gone, as the world's chance
// decides (R78).
func (r *Replica) Crash() {
	r.up = false
	r.life++
	r.disk.Crash(r.world.rng.IntN)
}

// later does something at a later time, unless the replica is down by then or was
// started anew.
func (r *Replica) later(least, most time.Duration, do func()) {
	life := r.life
	r.world.after(r.world.between(least, most), func() {
		if r.up && r.life == life {
			do()
		}
	})
}

func (r *Replica) tick() {
	r.later(tickInterval, tickInterval, func() {
		r.step(core.Tick{Now: r.world.now})
		if r.behaviour != nil {
			r.behaviour.Tick()
		}
		r.tick()
	})
}

func (r *Replica) step(in core.Input) {
	if !r.up {
		return
	}
	r.core.Step(in, &r.out)
	r.carry()
}

// receive decodes, verifies and takes a frame of another replica.
func (r *Replica) receive(from consensus.ReplicaID, frame []byte) {
	if !r.up || !r.hears(int(from), false, frame) {
		return
	}
	u, err := r.decoder.Replica(frame, r.core.Hint())
	if err != nil {
		if !errors.Is(err, consensus.ErrStale) && r.world.correct(from) {
			r.world.checks.fail("%s sent %s a frame of type %d that does not decode: %v", replicaName(int(from)), replicaName(int(r.id)), frame[0], err)
		}
		return
	}
	crypto.VerifyAll(r.world.cfg.Scheme, []crypto.Unverified[consensus.Message]{u},
		func(_ int, m crypto.Verified[consensus.Message]) {
			if _, ok := m.Value().(core.RequestMessage); ok {
				r.judge(m, -1)
				return
			}
			r.step(core.Received{From: from, Message: m})
		},
		func(int) {
			if !r.world.correct(from) {
				return
			}
			r.world.checks.fail("%s sent %s a frame of type %d whose signature does not hold", replicaName(int(from)), replicaName(int(r.id)), frame[0])
		})
}

func (r *Replica) receiveRequest(client int, frame []byte) {
	if !r.up || !r.hears(client, true, frame) {
		return
	}
	u, err := r.decoder.Client(frame)
	if err != nil {
		return
	}
	crypto.VerifyAll(r.world.cfg.Scheme, []crypto.Unverified[consensus.Message]{u},
		func(_ int, m crypto.Verified[consensus.Message]) { r.judge(m, client) }, func(int) {})
}

// judge is what the executor of a real replica does with a verified request.
func (r *Replica) judge(m crypto.Verified[consensus.Message], client int) {
	in, reason := core.Judge(r.machine, m)
	switch {
	case in != nil:
		r.step(in)
	case client >= 0:
		request := m.Value().(core.RequestMessage).Request
		r.reply(client, wire.Refusal{Request: request.Digest(), Reason: reason}.Marshal())
	}
}

func (r *Replica) reply(client int, frame []byte) {
	from, to := party{index: int(r.id)}, party{client: true, index: client}
	if r.behaviour == nil {
		r.world.carry(from, to, frame)
		return
	}
	for _, f := range r.behaviour.Answer(client, frame) {
		r.world.carry(from, to, f)
	}
}
