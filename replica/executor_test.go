package replica

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/simsig"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/statemachine/kv"
	"github.com/varangian-bft/varangian/store/memory"
)

// oneClient is a group of one replica and one client, with short intervals.
func oneClient(t *testing.T) (*consensus.Group, []crypto.Signer) {
	t.Helper()
	scheme := simsig.New()
	signers := []crypto.Signer{scheme.NewSigner(crypto.Seed{1}), scheme.NewSigner(crypto.Seed{2})}
	transport := func(i byte) crypto.PublicKey { return scheme.NewSigner(crypto.Seed{3, i}).Public() }
	genesis := consensus.Genesis{Name: "test", Engine: "pbft", Parameters: consensus.DefaultParameters()}
	genesis.Parameters.CheckpointInterval, genesis.Parameters.Window, genesis.Parameters.SnapshotInterval = 4, 16, 1
	genesis.Replicas = []consensus.Member{{Name: "r0", Key: signers[0].Public(), Transport: transport(0)}}
	genesis.Clients = []consensus.Enrolment{{
		Name: "c0", Client: consensus.ClientID(signers[1].Public()), Transport: transport(1), Operator: true,
	}}
	g, err := consensus.NewGroup(genesis, scheme)
	if err != nil {
		t.Fatal(err)
	}
	return g, signers
}

// TestExecutorWithBacklog: R55 – an executor that has taken a long list of batches
// reads below them until it comes to what was flushed meanwhile, and the storer takes
// away nothing that it still reads.
func TestExecutorWithBacklog(t *testing.T) {
	g, signers := oneClient(t)
	store := memory.New()
	machine, err := statemachine.NewMachine(kv.New(), g, store, statemachine.WithScheme(simsig.New()))
	if err != nil {
		t.Fatal(err)
	}
	snapshots, _, err := core.NewSnapshotter(g, store)
	if err != nil {
		t.Fatal(err)
	}
	internal := newMailbox[core.Input]()
	r := &Replica{replier: &replier{jobs: newMailbox[core.Reply]()}}
	r.storer = &storer{
		store: store, snapshots: snapshots, jobs: newMailbox[storeWork](), internal: internal, keep: func(*statemachine.Window) {},
	}
	r.executor = &executor{machine: machine, jobs: newMailbox[execJob](), internal: internal, storer: r.storer.jobs}
	r.storer.executor = r.executor.jobs
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}

	// As a core would: windows are flushed, snapshots certified, old versions given back.
	follow := func() {
		for more := true; more; {
			more = false
			for _, in := range internal.take() {
				var out core.Output
				if in, ok := in.(core.Executed); ok && in.Execution.Window != nil {
					out.Flush = append(out.Flush, in.Execution.Window)
				}
				if in, ok := in.(core.Flushed); ok {
					out.Snapshot = append(out.Snapshot, in.Marker)
				}
				if in, ok := in.(core.Snapshotted); ok {
					signed := in.Snapshot.Sign(g, 0, signers[0])
					out.Save = append(out.Save, wire.SnapshotCertificate{
						Snapshot: in.Snapshot, Signers: []wire.SnapshotSigner{{Signature: signed.Signature}},
					})
					out.Retire = append(out.Retire, in.Snapshot.Sequence)
				}
				r.carry(&out)
				more = true
			}
			for _, j := range r.storer.jobs.take() {
				must(r.storer.do(context.Background(), j))
				more = true
			}
		}
	}
	for i := range 21 {
		request := consensus.Request{Kind: consensus.KindOpenSession, Session: 1}
		if i > 0 {
			request = consensus.Request{
				Kind: consensus.KindOperations, Session: 1, Timestamp: consensus.Timestamp(i), Operations: [][]byte{kv.Get([]byte("k"))},
			}
		}
		batch := consensus.NewBatch(consensus.Time(i+1), []*consensus.Request{consensus.SignRequest(request, g.Domain(), signers[1])})
		r.carry(&core.Output{Execute: []consensus.Execute{{Sequence: consensus.Sequence(i + 1), Batch: batch}}})
	}
	for taken := r.executor.jobs.take(); len(taken) > 0; taken = r.executor.jobs.take() {
		list := append([]execJob(nil), taken...)
		for _, j := range list {
			must(r.executor.do(j))
			follow()
		}
	}
	// The oldest version goes when the executor has passed it.
	if _, _, err := store.Read([]byte("k"), statemachine.VersionAt(16, 1)); err == nil {
		t.Error("no version was given back")
	}
}

// TestRequestsBetweenBatches: R102 – the executor takes requests while it has much to
// execute, so that nobody waits behind them until the end of that.
func TestRequestsBetweenBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig(t)
		machine, err := statemachine.NewMachine(kv.New(), r.group, memory.New())
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		e := &executor{
			machine: machine, jobs: newMailbox[execJob](), admit: make(chan []admission, 1), external: r.inputs,
			refuse: func(*consensus.Request, wire.RefusalReason) { refused++ }, enrolled: func([]consensus.Enrolment) {}, fail: func(err error) { t.Error(err) },
		}
		done := make(chan reloaded)
		e.jobs.put(reloadJob{done}, reloadJob{done}, reloadJob{done})
		ctx, stop := context.WithCancel(t.Context())
		go e.run(ctx)
		synctest.Wait()
		u, err := r.decoder.Client(wire.RequestFrame(r.strangers(1, 1).Requests[0]))
		if err != nil {
			t.Fatal(err)
		}
		crypto.VerifyAll(crypto.Ed25519, []crypto.Unverified[consensus.Message]{u}, func(_ int, m crypto.Verified[consensus.Message]) {
			e.admit <- []admission{{request: m, arrival: arrival{fromClient: true}}}
		}, func(int) { t.Fatal("a request does not hold") })
		<-done
		synctest.Wait() // the next job has begun
		if refused != 1 {
			t.Error("a request waits until all jobs are done")
		}
		<-done
		<-done
		stop()
		synctest.Wait()
	})
}
