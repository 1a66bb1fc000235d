package replica

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/network"
	"github.com/varangian-bft/varangian/replica/core"
)

const (
	// framesPerPassMax and checksPerPassMax bound what shares one pass of the signature
	// scheme: enough for most of what sharing saves, and little enough that what comes
	// meanwhile waits for milliseconds. A frame that brings more checks has a pass of
	// its own.
	framesPerPassMax = 64
	checksPerPassMax = 256
	// arrivalsMax bounds the frames that wait for a verifier, per lane; the streams
	// behind a full lane are not read (R102).
	arrivalsMax = 512
)

// An arrival is a frame with the party whose channel it came over.
type arrival struct {
	fromClient bool
	replica    consensus.ReplicaID
	offences   uint32 // of the replica, when the frame came
	conn       network.ConnID
	client     consensus.ClientID
	frame      []byte
}

// Lanes of arrivals, most urgent first: votes are verified before requests, and
// bulk comes last (R102).
const (
	laneVotes = iota
	laneRequests
	laneBulk
	lanes
)

// verifiers check signatures before anything reaches the core (design, idea 3).
type verifiers struct {
	decoder  core.Decoder
	scheme   crypto.Scheme
	lanes    [lanes]chan arrival
	hint     atomic.Pointer[consensus.Hint]
	asked    asked
	offences []atomic.Uint32               // by replica: how often it was cut off for a frame
	offset   func(a arrival, reason error) // what a bad frame costs its sender
	core     chan<- []core.Input
	admit    chan<- []admission
}

// asked is what the core asked other replicas for and lacks still.
type asked struct {
	mu      sync.RWMutex
	digests map[crypto.Digest]struct{}
}

func (a *asked) note(changes []core.Wanted) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.digests == nil {
		a.digests = map[crypto.Digest]struct{}{}
	}
	for _, w := range changes {
		w.Note(a.digests)
	}
}

func (a *asked) wanted(d crypto.Digest) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	_, ok := a.digests[d]
	return ok
}

// An admission is a verified request on its way to the executor, which knows
// whether it is worth ordering.
type admission struct {
	request crypto.Verified[consensus.Message]
	arrival arrival
}

// fromReplica is a frame of a replica, as it comes.
func (v *verifiers) fromReplica(id consensus.ReplicaID, frame []byte) arrival {
	return arrival{replica: id, offences: v.offences[id].Load(), frame: frame}
}

func (v *verifiers) lane(a arrival) chan arrival {
	t := wire.Type(a.frame)
	switch {
	case a.fromClient || t == consensus.TypeRequest:
		return v.lanes[laneRequests]
	case t >= consensus.TypeEngineFirst && t <= consensus.TypeEngineLast:
		return v.lanes[laneVotes]
	}
	return v.lanes[laneBulk]
}

// run verifies until the context ends. Several run side by side.
func (v *verifiers) run(ctx context.Context) { v.serve(ctx, v.lanes) }

// runVotes verifies votes and nothing else. So they go on while all others are busy
// with what a faulty replica sends, or wait for the executor (R102).
func (v *verifiers) runVotes(ctx context.Context) {
	v.serve(ctx, [lanes]chan arrival{laneVotes: v.lanes[laneVotes]})
}

// serve verifies what comes in lanes; a nil one is another verifier's.
func (v *verifiers) serve(ctx context.Context, from [lanes]chan arrival) {
	p := pass{verifiers: v}
	for {
		p.begin()
		select { // whichever comes; the rest of the pass fills up in order of urgency
		case a := <-from[laneVotes]:
			p.add(a)
		case a := <-from[laneRequests]:
			p.add(a)
		case a := <-from[laneBulk]: // long, and nothing urgent waits for it
			p.add(a)
			p.fill(from[laneBulk])
			p.verify(ctx)
			continue
		case <-ctx.Done():
			return
		}
		p.fill(from[laneVotes])
		p.fill(from[laneRequests])
		p.verify(ctx)
	}
}

// A pass is what is verified together.
type pass struct {
	*verifiers
	frames int
	checks int
	items  []crypto.Unverified[consensus.Message]
	from   []arrival // of items
}

func (p *pass) begin() {
	clear(p.items)
	clear(p.from)
	p.frames, p.checks, p.items, p.from = 0, 0, p.items[:0], p.from[:0]
}

func (p *pass) fill(lane chan arrival) {
	for p.frames < framesPerPassMax && p.checks < checksPerPassMax {
		select {
		case a := <-lane:
			p.add(a)
		default:
			return
		}
	}
}

// add decodes a frame.
func (p *pass) add(a arrival) {
	p.frames++
	if p.cutOff(a) {
		return
	}
	u, err := p.decode(a)
	switch {
	case err == nil:
		p.items, p.from, p.checks = append(p.items, u), append(p.from, a), p.checks+len(u.Checks)
	case !errors.Is(err, consensus.ErrStale):
		p.blame(a, err)
	}
}

func (v *verifiers) decode(a arrival) (crypto.Unverified[consensus.Message], error) {
	if a.fromClient {
		return v.decoder.Client(a.frame)
	}
	return v.decoder.Replica(a.frame, *v.hint.Load())
}

// cutOff reports whether the sender was cut off after a frame came: what it sent
// before is worth no check any more.
func (v *verifiers) cutOff(a arrival) bool {
	return !a.fromClient && v.offences[a.replica].Load() != a.offences
}

// blame charges a bad frame to its sender, once for all that it sent until then.
func (v *verifiers) blame(a arrival, reason error) {
	if a.fromClient || v.offences[a.replica].CompareAndSwap(a.offences, a.offences+1) {
		v.offset(a, reason)
	}
}

// verify checks the signatures, and hands on what holds.
func (p *pass) verify(ctx context.Context) {
	var inputs []core.Input
	var admissions []admission
	crypto.VerifyAll(p.scheme, p.items, func(i int, m crypto.Verified[consensus.Message]) {
		if _, ok := m.Value().(core.RequestMessage); ok {
			admissions = append(admissions, admission{request: m, arrival: p.from[i]})
			return
		}
		inputs = append(inputs, core.Received{From: p.from[i].replica, Message: m})
	}, func(i int) { p.blame(p.from[i], errSignature) })
	if len(inputs) > 0 {
		select {
		case p.core <- inputs:
		case <-ctx.Done():
		}
	}
	if len(admissions) > 0 {
		select {
		case p.admit <- admissions:
		case <-ctx.Done():
		}
	}
}
