package replica

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/pbft"
	"github.com/varangian-bft/varangian/replica/core"
)

// A counted scheme notes how many signatures each pass checks.
type counted struct {
	crypto.Scheme
	mu     sync.Mutex
	passes []int
}

func (c *counted) Verify(checks []crypto.Check, valid []bool) {
	c.mu.Lock()
	c.passes = append(c.passes, len(checks))
	c.mu.Unlock()
	c.Scheme.Verify(checks, valid)
}

// A verifyRig is a pool of verifiers that nothing reads behind, but tests.
type verifyRig struct {
	*verifiers
	t       *testing.T
	group   *consensus.Group
	signers []crypto.Signer
	scheme  *counted
	inputs  chan []core.Input
	judged  chan []admission
	offsets []consensus.ReplicaID
}

func newVerifyRig(t *testing.T) *verifyRig {
	g, signers := testGroup(t, 4)
	r := &verifyRig{
		t: t, group: g, signers: signers, scheme: &counted{Scheme: crypto.Ed25519},
		inputs: make(chan []core.Input, 4*arrivalsMax), judged: make(chan []admission),
	}
	r.verifiers = &verifiers{
		scheme: r.scheme, offences: make([]atomic.Uint32, g.N), core: r.inputs, admit: r.judged,
		offset: func(a arrival, _ error) { r.offsets = append(r.offsets, a.replica) },
	}
	r.decoder = core.Decoder{Group: g, Codec: pbft.NewCodec(g), Wanted: r.asked.wanted}
	r.hint.Store(&consensus.Hint{})
	for i := range r.lanes {
		r.lanes[i] = make(chan arrival, arrivalsMax)
	}
	return r
}

func (r *verifyRig) vote(from consensus.ReplicaID, n consensus.Sequence) []byte {
	liar := pbft.Forger{Group: r.group, Self: from, Signer: r.signers[from]}
	return liar.Vote(pbft.TypePrepare, pbft.Header{Sequence: n, Batch: crypto.Digest{byte(n)}})
}

// strangers makes a batch of requests of a client that a liar invented.
func (r *verifyRig) strangers(seed byte, count int) *consensus.Batch {
	stranger := crypto.Ed25519.NewSigner(crypto.Seed{99, seed})
	var requests []*consensus.Request
	for i := range count {
		requests = append(requests, consensus.SignRequest(consensus.Request{
			Kind: consensus.KindOperations, Session: 1, Timestamp: consensus.Timestamp(i + 1), Operations: [][]byte{{1}},
		}, r.group.Domain(), stranger))
	}
	return consensus.NewBatch(1, requests)
}

func (r *verifyRig) offer(from consensus.ReplicaID, frame []byte) {
	a := r.fromReplica(from, frame)
	select {
	case r.lane(a) <- a:
	default:
		r.t.Fatal("a lane is full")
	}
}

// rest runs verifiers until all of them wait.
func (r *verifyRig) rest(run ...func(context.Context)) {
	ctx, stop := context.WithCancel(r.t.Context())
	for _, f := range run {
		go f(ctx)
	}
	synctest.Wait()
	stop()
	synctest.Wait()
}

func (r *verifyRig) received() (count int) {
	for {
		select {
		case inputs := <-r.inputs:
			count += len(inputs)
		default:
			return count
		}
	}
}

// TestUnaskedBatches: R17, R102 – valid batches that nobody asked for cost no check,
// and those that were asked for do not keep a vote waiting for more than one of them.
func TestUnaskedBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig(t)
		b := r.strangers(1, 200)
		for range 20 {
			r.offer(3, wire.BatchFrame(b))
			r.offer(3, wire.RequestsFrame(b.Requests))
		}
		r.rest(r.run)
		if n := r.received(); n > 0 || len(r.scheme.passes) > 0 && r.scheme.passes[0] > 0 || len(r.offsets) > 0 {
			t.Fatalf("unasked: %d frames pass, checks in passes: %v, cut off: %v", n, r.scheme.passes, r.offsets)
		}
		r.scheme.passes = nil
		r.asked.note([]core.Wanted{{Digest: b.Digest, Asked: true}})
		for range 20 {
			r.offer(3, wire.BatchFrame(b))
		}
		r.rest(r.run)
		if n := r.received(); n != 20 {
			t.Errorf("%d frames pass of 20 that were asked for", n)
		}
		for _, n := range r.scheme.passes {
			if n > checksPerPassMax+200 {
				t.Errorf("a pass of %d checks", n)
			}
		}
	})
}

// TestVotesGoOn: R40, R102 – votes are verified while the executor takes no requests.
func TestVotesGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig(t)
		for i := range 200 {
			r.offer(2, wire.RequestFrame(r.strangers(byte(i), 1).Requests[0]))
		}
		ctx, stop := context.WithCancel(t.Context())
		for _, run := range []func(context.Context){r.run, r.run, r.runVotes} {
			go run(ctx)
		}
		synctest.Wait()
		for n := range consensus.Sequence(100) {
			r.offer(3, r.vote(3, n+1))
		}
		synctest.Wait()
		if n := r.received(); n != 100 {
			t.Errorf("%d of 100 votes pass while the executor is busy", n)
		}
		stop()
		synctest.Wait()
	})
}

// TestCutOffFrames: R17 – what a replica sent before it was cut off is not verified
// any more, and costs it no second penalty; what it sends when it is back is.
func TestCutOffFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig(t)
		for n := range consensus.Sequence(300) {
			f := r.vote(3, n+1)
			f[len(f)-1] ^= 1
			r.offer(3, f)
		}
		r.offer(2, r.vote(2, 1))
		r.rest(r.run)
		if n := r.received(); n != 1 || len(r.offsets) != 1 || r.offsets[0] != 3 {
			t.Errorf("%d votes pass, cut off: %v", n, r.offsets)
		}
		checks := 0
		for _, n := range r.scheme.passes {
			checks += n
		}
		if checks > framesPerPassMax+1 {
			t.Errorf("%d signatures of 301 were checked, in passes of %v", checks, r.scheme.passes)
		}
		r.offer(3, r.vote(3, 1))
		r.rest(r.run)
		if n := r.received(); n != 1 {
			t.Error("a replica that is back is not heard")
		}
	})
}
