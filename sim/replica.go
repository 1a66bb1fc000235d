package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/log"
	"github.com/varangian-bft/varangian/store/log/logtest"
	"github.com/varangian-bft/varangian/store/memory"
)

// segmentBytes is the size of a simulated log's segments: small, so that runs of
// seconds fill several.
const segmentBytes = 1 << 16

// A Replica is a production core with a virtual disk. Between Crash and Start it
// is down.
type Replica struct {
	world  *World
	id     consensus.ReplicaID
	signer crypto.Signer
	chance *rand.Rand
	disk   *logtest.Disk
	store  *memory.Store
	spool  *transfer.MemorySpool
	clock  Clock

	life    int // incarnation: what an earlier one began does not come back
	up      bool
	trouble trouble
	kept    kept
	paused  time.Duration
	engine  *pbft.Engine
	core    *core.Core
	machine *statemachine.Machine
	log     *log.Log
	server  *transfer.Server
	decoder core.Decoder
	asked   map[crypto.Digest]struct{} // of others, and lacking still
	storer  storer
	out     core.Output
	writer  writer
	seen    consensus.Status // of the engine, for Observe
	Halted  *consensus.Halt  // why it stopped for good
	proof   bool             // its log ends in a proof (R52)

	amnesia
	rot       rot
	behaviour Behaviour // nil for a correct replica
	hoards    bool      // gives no version of the state back
}

func newReplica(w *World, id consensus.ReplicaID, signer crypto.Signer) *Replica {
	return &Replica{
		world: w, id: id, signer: signer, chance: w.cfg.stream(streamReplica, int(id)),
		disk: logtest.NewDisk(), store: memory.New(), spool: new(transfer.MemorySpool), kept: kept{first: 1},
	}
}

// Up reports whether the replica runs.
func (r *Replica) Up() bool { return r.up }

// Status returns where the core stands.
func (r *Replica) Status() core.Status { return r.core.Status() }

// Start starts the replica from what its disk holds (R85).
func (r *Replica) Start() error {
	w := r.world
	r.life++
	r.Halted, r.paused = nil, 0
	r.trouble.failed, r.trouble.short = false, false
	r.watch()
	machine, found, snapshots, err := r.openState()
	if err != nil {
		return err
	}
	engine := pbft.New(pbft.Config{Group: w.group, Self: r.id, Signer: r.signer, Timeout: w.cfg.Timeout})
	r.machine, r.engine = machine, engine
	r.core = core.New(core.Config{
		Group: w.group, Self: r.id, Signer: r.signer, Engine: &observed{Engine: engine, coverage: &w.coverage},
		Pool: core.DefaultPoolLimits(w.cfg.Parameters), Nonce: r.nonce(),
	})
	r.asked = map[crypto.Digest]struct{}{}
	r.decoder = core.Decoder{Group: w.group, Codec: pbft.NewCodec(w.group), Wanted: func(d crypto.Digest) bool {
		_, ok := r.asked[d]
		return ok
	}}
	if err = r.open(); err != nil {
		return fmt.Errorf("%s: %w", replicaName(int(r.id)), err)
	}
	found.Forgot = r.forgot
	r.storer = storer{replica: r, snapshots: snapshots, spool: r.spool}
	r.rot.asked, r.rot.rounds = false, 0
	r.server = transfer.NewServer(w.group, r.store, &transfer.MemorySpool{})
	r.up, r.writer = true, writer{done: r.onSynced}
	r.out = core.Output{}
	w.checks.started(r.id, machine.Executed())
	r.core.Start(found, r.now(), &r.out)
	r.carry()
	r.tickLater()
	return nil
}

// open opens the log. Each replica's is bound to itself (R87).
func (r *Replica) open() (err error) {
	var back []consensus.Record
	identity := crypto.Hash(crypto.KindConfiguration, r.world.group.ID[:], []byte(replicaName(int(r.id))))
	config := log.Config{Identity: identity, Salt: log.Salt(identity[:]), SegmentBytes: segmentBytes, MustExist: r.began}
	r.log, err = log.Open(r.disk, config, func(record consensus.Record) error {
		back = append(back, record)
		return r.core.Replay(record)
	})
	switch {
	case err != nil:
		return err
	case r.trouble.failed || r.trouble.short:
		r.world.checks.fail("errors are final", "%s starts in spite of an error of its disk", replicaName(int(r.id)))
	}
	switch wrong := r.kept.opened(r.log, back); {
	case wrong == "" && r.proof:
		r.world.checks.fail("proof is kept", "%s starts again, after it stopped with a proof in its log", replicaName(int(r.id)))
	case wrong == "":
	case r.trouble.harmed && r.trouble.lagging:
		r.since, r.knows, r.rolled = true, false, true
		r.world.fault(int(r.id), "forgotten unnoticed", ": %s", wrong)
	default:
		r.world.checks.fail("nothing is forgotten silently", "%s starts although %s", replicaName(int(r.id)), wrong)
	}
	r.began, r.proof, r.trouble.lagging, r.trouble.harmed = true, false, false, false
	return nil
}

// now is the time that the replica's clock shows.
func (r *Replica) now() time.Time {
	passed := r.world.now
	return epoch.Add(passed + r.clock.Offset + passed/1_000_000*time.Duration(r.clock.Drift))
}

// SetClock sets the replica's clock wrong.
func (r *Replica) SetClock(c Clock) { r.clock = c }

// A Loss says what a crash does to what was not synced.
type Loss struct {
	Lost float64 // share of the writes that are gone, 0 to 1
	Torn float64 // share of the others that are there in part
}

// Crash loses power: what was not synced may be gone, as the replica's chance
// decides (R78).
func (r *Replica) Crash() { r.CrashWith(Loss{Lost: 1. / 3, Torn: 1. / 2}) }

// CrashWith loses power, and of what was not synced the given shares.
func (r *Replica) CrashWith(l Loss) {
	r.storer.crash()
	r.stop()
	r.losePower(l)
}

func (r *Replica) losePower(l Loss) {
	r.trouble.lagging = true
	r.disk.Crash(func(n int) int {
		if n != 3 {
			return r.chance.IntN(n)
		}
		switch { // a page of a write: gone, whole or in part
		case r.chance.Float64() < l.Lost:
			return 0
		case r.chance.Float64() < l.Torn:
			return 2
		}
		return 1
	})
}

// stop ends the present life.
func (r *Replica) stop() {
	r.up = false
	r.life++
	r.trouble.stray, r.disk.Redirect = 0, nil
	r.spool.Crash()
}

// Pause lets the replica do nothing until a time; what arrives waits.
func (r *Replica) Pause(d time.Duration) { r.paused = max(r.paused, r.world.now+d) }

// later does something at a later time, unless the replica is down by then or was
// started anew.
func (r *Replica) later(most time.Duration, do func()) {
	at := r.world.now
	if most > 0 {
		at += time.Duration(r.chance.Int64N(int64(most)))
	}
	r.world.agenda.push(at, appointment{call: do, replica: r, life: r.life})
}

func (r *Replica) tickLater() {
	r.world.agenda.push(r.world.now+r.world.cfg.Tick, appointment{replica: r, life: r.life})
}

func (r *Replica) onTick() {
	r.step(core.Tick{Now: r.now()})
	if r.up {
		r.scrub()
	}
	if r.up {
		r.remembers()
	}
	if r.behaviour != nil {
		r.behaviour.Tick()
	} else if r.up {
		r.world.checks.bounded(r)
	}
	if r.up {
		r.tickLater()
	}
}

func (r *Replica) step(in core.Input) {
	if !r.up {
		return
	}
	r.core.Step(in, &r.out)
	r.carry()
}
