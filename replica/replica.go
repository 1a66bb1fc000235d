package replica

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/network"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/replica/transfer"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/log"
	"github.com/varangian-bft/varangian/store/state"
)

// A Replica is one member of a group. Its methods are safe for concurrent use;
// Run is called once.
type Replica struct {
	cfg    Config
	self   consensus.ReplicaID
	logger *slog.Logger

	folder *folder
	disk   func(folder string) log.FS // of the log
	log    *log.Log
	store  *state.Store
	rotten atomic.Bool // its disk failed: closing it would not end
	found  core.Durable

	driver    *driver
	verifiers *verifiers
	writer    *logWriter
	executor  *executor
	storer    *storer
	replier   *replier
	server    *server
	scrubber  *scrubber
	emptied   bool // the state was set aside at this start
	clients   *clients
	host      *network.Host
	serving   atomic.Pointer[network.Host] // host, for Status, which may be asked before Run
	say       Say                          // nil for a correct replica

	inner    context.Context // of all that runs; its cause is what ended the replica
	stop     context.CancelCauseFunc
	stopping chan struct{} // closed when clients are turned away
	released chan struct{} // closed when nothing is open any more
	unclosed error         // why the state was left open all the same; read after released
	patience time.Duration // with the closing after a failure
	status   statusBoard
	backups  sync.Mutex // held by the one that is under way
	started  time.Time
}

// New opens the data folder of a replica, replays its log and brings its state up
// to the last durable checkpoint. It refuses to start from damaged or foreign
// data (R83, R87). The caller calls Run, or Close if it will not.
func New(cfg Config, app statemachine.Application, opts ...Option) (*Replica, error) {
	self, err := cfg.complete()
	if err != nil {
		return nil, configError(err)
	}
	r, err := start(cfg, self, app, opts)
	if err != nil {
		r.awaitRelease(err)
		return nil, err
	}
	return r, nil
}

// start makes a replica of a complete configuration. If it fails, the replica is
// as one that has run: what it has open is being closed.
func start(cfg Config, self consensus.ReplicaID, app statemachine.Application, opts []Option) (*Replica, error) {
	// Beyond a limit on file sizes a write is an error, then, and no signal (R88).
	signal.Ignore(unix.SIGXFSZ)
	r := &Replica{
		cfg: cfg, self: self, logger: cfg.Logger, clients: newClients(), folder: &folder{path: cfg.DataDir}, disk: log.OS,
		stopping: make(chan struct{}), released: make(chan struct{}), patience: releaseTimeout, started: time.Now(),
	}
	r.inner, r.stop = context.WithCancelCause(context.Background())
	for _, o := range opts {
		o(r)
	}
	id := identity(cfg.Group, self)
	err := cfg.begun()
	if err == nil {
		err = r.folder.open(id, cfg.FirstStart)
	}
	if err == nil {
		err = r.folder.fits(cfg.SegmentBytes)
	}
	if err == nil {
		err = r.open(app, id)
	}
	if err != nil {
		if r.stop(err); ExitCode(err) == ExitRoom && r.store != nil {
			r.folder.release()
		}
		go r.release(err)
	}
	return r, err
}

// open builds the replica from what its folder holds. A part that is damaged or
// missing is set aside and made anew: a log with recovery (R83, R92), a state by
// fetching it from the others.
func (r *Replica) open(app statemachine.Application, id crypto.Digest) error {
	if why := r.suspects(); why != "" && r.cfg.Group.N == 1 {
		return haltError(core.Alone(why))
	}
	if r.folder.forgot != "" {
		if err := r.mayForget(r.folder.forgot); err != nil {
			return err
		}
	}
	if err := r.openState(app, id); err != nil {
		return err
	}
	err := r.openLog(id, r.folder.fresh || r.folder.forgot != "")
	if errors.Is(err, log.ErrDamaged) {
		if err = r.setLogAside(err); err == nil {
			err = r.build(app) // what was replayed is void
		}
		if err == nil {
			err = r.openLog(id, true)
		}
	}
	if err != nil {
		return openLogError(err)
	}
	r.writer.log, r.found.Forgot = r.log, r.folder.forgot
	if err := r.folder.reserve("ballast", ballastBytes); err != nil {
		return err
	}
	return r.folder.settle(id)
}

// mayForget refuses to recover where there is nobody to recover from.
func (r *Replica) mayForget(reason string) error {
	if r.cfg.Group.N > 1 {
		return nil
	}
	return failure(ExitDisk, "data folder %s: %s; a group of one replica has nobody to recover from: restore the folder from a backup, or give --first-start if this replica never ran",
		r.folder.path, reason)
}

// openLog replays the log. A state that is older than the log says was durable has
// lost something to its disk: what follows heals that, but not in silence.
func (r *Replica) openLog(id crypto.Digest, mayBeNew bool) (err error) {
	promised := consensus.Sequence(0)
	if err := os.MkdirAll(r.folder.in("log"), 0o700); err != nil {
		return err
	}
	r.log, err = log.Open(r.disk(r.folder.in("log")), log.Config{
		Identity: id, SegmentBytes: r.cfg.SegmentBytes, Salt: newSalt(), MustExist: !mayBeNew,
		Background: func(work func()) { go work() },
	}, func(x consensus.Record) error {
		if at, ok := pbft.DurableCheckpoint(r.cfg.Group, x); ok {
			promised = max(promised, at)
		}
		return r.driver.core.Replay(x)
	})
	if at := r.found.Marker.Version.Sequence(); err == nil && at > 0 && at < promised { // a state that is new has said so
		r.logger.Warn("the state lost a synced write: it is older than the log says was durable, and is repaired by executing or fetching again what is missing",
			"state", at, "log", promised)
	}
	return err
}

// setLogAside makes room for a new log.
func (r *Replica) setLogAside(damage error) error {
	if err := r.mayForget(damage.Error()); err != nil {
		return err
	}
	if err := r.folder.forget(damage.Error()); err != nil {
		return err
	}
	as, err := r.folder.setAside("log")
	if err != nil {
		return err
	}
	r.logger.Error("the log is set aside: this replica may have promised what it no longer knows, and recovers without voting",
		"kept_as", as, "reason", damage)
	return nil
}

// wire connects the parts, before anything runs.
func (r *Replica) wire(machine *statemachine.Machine, fetched, served *spool) {
	cfg := &r.cfg
	signer := crypto.Ed25519.NewSigner(cfg.Keys.Signing)
	engine := pbft.New(pbft.Config{Group: cfg.Group, Self: r.self, Signer: signer, Timeout: cfg.Timeout})
	c := core.New(core.Config{
		Group: cfg.Group, Self: r.self, Signer: signer, Engine: engine, Pool: r.poolLimits(), Serve: cfg.Serve, Nonce: newNonce(),
	})

	internal := newMailbox[core.Input]()
	external := make(chan []core.Input, externalMax)
	admit := make(chan []admission, externalMax)
	r.driver = &driver{core: c, external: external, internal: internal, carry: r.carry, publish: r.publish}
	r.writer = &logWriter{jobs: newMailbox[logJob](), core: internal, fail: r.fail}
	r.executor = &executor{
		machine: machine, jobs: newMailbox[execJob](), admit: admit, internal: internal, external: external,
		refuse: r.clients.refuse, enrolled: r.enrolled, fail: r.fail,
	}
	r.storer = &storer{
		store: r.store, reads: &interruptible{Store: r.store}, spool: fetched, evidence: r.saveEvidence, jobs: newMailbox[storeWork](), executor: r.executor.jobs,
		internal: internal, fail: r.failState,
	}
	r.executor.storer = r.storer.jobs
	r.replier = &replier{jobs: newMailbox[core.Reply](), clients: r.clients}
	r.server = newServer(cfg.Group, watched{r.store, internal}, served, internal)
	r.storer.keep, r.storer.forget = r.server.keep, r.server.forget
	r.scrubber = &scrubber{
		jobs: r.storer.jobs, keys: cfg.ScrubKeys, check: r.store.CheckTable,
		found: func(err error) {
			if !suspected(err, internal) {
				r.logger.Warn("a table of the state cannot be checked; it is looked at again", "reason", err)
			}
		},
	}
	r.verifiers = &verifiers{
		scheme: crypto.NewCache(crypto.Ed25519, verifyCacheMax), offences: make([]atomic.Uint32, cfg.Group.N),
		offset: r.badFrame, core: external, admit: admit,
	}
	r.verifiers.decoder = core.Decoder{Group: cfg.Group, Codec: pbft.NewCodec(cfg.Group), Wanted: r.verifiers.asked.wanted}
	for i := range r.verifiers.lanes {
		r.verifiers.lanes[i] = make(chan arrival, arrivalsMax)
	}
	hint := c.Hint()
	r.verifiers.hint.Store(&hint)
}

// Run serves until the context ends, and then drains: it takes no more requests,
// finishes what is under way, and leaves the last checkpoint durable. Any other
// end is an error; ExitCode gives the exit status for it.
func (r *Replica) Run(ctx context.Context) error {
	err := r.runOnce(ctx)
	r.awaitRelease(err)
	return err
}

// runOnce does not wait until everything is closed: released tells.
func (r *Replica) runOnce(ctx context.Context) error {
	var work sync.WaitGroup
	err := r.run(ctx, &work)
	r.stop(err)
	go func() {
		work.Wait()
		r.release(err)
	}()
	return err
}

// run starts everything, and ends when the context or the replica does.
func (r *Replica) run(ctx context.Context, work *sync.WaitGroup) error {
	if err := r.listen(r.inner); err != nil {
		return err
	}
	control, err := serveControl(r.folder.path, r.StatusJSON, r.serveBackup, r.stateHandlers)
	if err != nil {
		r.host.Close()
		return err
	}
	start := func(run func(context.Context)) { work.Go(func() { run(r.inner) }) }
	r.found.Suspect, r.found.Emptied = r.suspects(), r.emptied
	r.driver.start(r.found)
	start(r.verifiers.runVotes)
	for range max(1, r.verifierCount()-1) {
		start(r.verifiers.run)
	}
	for _, run := range []func(context.Context){
		r.driver.run, r.writer.run, r.executor.run, r.storer.run, r.replier.run, r.server.run, r.scrubber.run, r.scrubber.runTables, r.watchRoom, r.watchRecovery,
	} {
		start(run)
	}
	r.logger.Info("replica serves", "replica", r.self, "address", r.host.Addr(), "executed", r.found.Marker.Version.Sequence())
	select {
	case <-ctx.Done():
		r.drain(r.inner)
	case <-r.inner.Done():
	}
	r.stop(nil)
	control()
	err = r.host.Close()
	if cause := context.Cause(r.inner); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

func (r *Replica) verifierCount() int {
	if r.cfg.Verifiers > 0 {
		return r.cfg.Verifiers
	}
	return runtime.GOMAXPROCS(0)
}

func (r *Replica) listen(ctx context.Context) error {
	limits := r.limits()
	r.logger.Info("memory that others can make this replica hold, at most", // R101
		"network_bytes", limits.BytesMax(r.cfg.Group.N-1), "pool_bytes", r.poolLimits().BytesMax)
	h := &handler{replica: r, ready: make(chan struct{}), done: ctx.Done()}
	defer close(h.ready)
	host, err := network.Listen(network.Config{
		Seed: r.cfg.Keys.Transport, Group: r.cfg.Group.ID, Self: r.self, Listen: r.cfg.Listen, Replicas: r.cfg.Remotes,
		Clients: r.executor.machine.Enrolments(), Limits: limits, Logger: r.logger,
	}, h)
	if err != nil {
		return failure(ExitSurroundings, "listen: %w", err)
	}
	r.host, r.clients.write = host, host.Reply
	r.serving.Store(host)
	return nil
}

// fail ends the replica, once: nothing more is sent (R81).
func (r *Replica) fail(err error) {
	if r.inner.Err() == nil {
		r.logger.Error("replica stops", "reason", err)
	}
	r.stop(err)
	if ExitCode(err) == ExitRoom {
		r.folder.release() // what it takes to stop has to fit
	}
}

// failState ends the replica because of what its state's disk answered.
func (r *Replica) failState(err error) {
	if err = diskError("state", err); ExitCode(err) == ExitDisk {
		r.rotten.Store(true)
	}
	r.fail(err)
}

// enrolled follows the table of clients: who was removed is cut off (R34).
func (r *Replica) enrolled(table []consensus.Enrolment) {
	if err := r.host.SetClients(table); err != nil {
		r.logger.Error("table of clients", "reason", err)
	}
}

// report keeps the proof that another replica lied (R46).
func (r *Replica) report(e consensus.Evidence) {
	m, _ := r.cfg.Group.Member(e.Against)
	r.logger.Warn("evidence: a replica signed two statements that exclude each other", "against", m.Name)
	r.status.evidence()
	r.storer.jobs.put(evidenceJob{e})
}

// complain tells people of a source of state transfer that was turned away from.
func (r *Replica) complain(c transfer.Complaint) {
	m, _ := r.cfg.Group.Member(c.Source)
	what := "state transfer: a source is late"
	if c.Lie {
		what = "state transfer: a source sent what does not hold"
	}
	r.logger.Warn(what, "source", m.Name, "reason", c.Reason)
}

// saveEvidence never ends the replica: a proof that is lost can be shown again.
func (r *Replica) saveEvidence(e consensus.Evidence) {
	if err := saveEvidence(r.folder.in("evidence"), r.cfg.Group, e); err != nil {
		r.logger.Error("evidence is not kept", "reason", err)
	}
}

// Close releases the data folder of a replica that was never run.
func (r *Replica) Close() {
	r.stop(nil)
	r.release(nil)
}

// badFrame is what a frame costs its sender that does not decode or whose
// signatures do not hold: the channel.
func (r *Replica) badFrame(a arrival, reason error) {
	if a.fromClient {
		r.logger.Warn("bad frame of a client", "client", a.client, "reason", reason)
		r.host.CutOffClient(a.conn)
		return
	}
	r.logger.Warn("bad frame of a replica", "replica", a.replica, "type", uint8(wire.Type(a.frame)), "reason", reason)
	r.host.CutOff(a.replica)
}

func stateError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, state.ErrForeign) {
		return failure(ExitSurroundings, "state: %w", err)
	}
	return diskError("state", err)
}

func openLogError(err error) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, log.ErrForeign), errors.Is(err, log.ErrVersion):
		return failure(ExitSurroundings, "log: %w", err)
	case errors.Is(err, pbft.ErrProof):
		return failure(ExitDiverged, "log: %w; keep the folder as proof, and tell the other operators", err)
	default:
		return diskError("log", err)
	}
}
