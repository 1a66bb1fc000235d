package replica

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/network"
	"github.com/varangian-bft/varangian/replica/core"
)

const (
	// verifyBatchMax is how many frames share one pass of the signature scheme.
	verifyBatchMax = 64
	// arrivalsMax bounds the frames that wait for a verifier, per lane; the streams
	// behind a full lane are not read (R102).
	arrivalsMax = 512
)

// An arrival is a frame with the party whose channel it came over.
type arrival struct {
	fromClient bool
	replica    consensus.ReplicaID
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
	decoder core.Decoder
	scheme  crypto.Scheme
	lanes   [lanes]chan arrival
	hint    atomic.Pointer[consensus.Hint]
	offset  func(a arrival, reason error) // what a bad frame costs its sender
	core    chan<- []core.Input
	admit   chan<- []admission
}

// An admission is a verified request on its way to the executor, which knows
// whether it is worth ordering.
type admission struct {
	request crypto.Verified[consensus.Message]
	arrival arrival
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
func (v *verifiers) run(ctx context.Context) {
	batch := make([]arrival, 0, verifyBatchMax)
	for {
		batch = batch[:0]
		select { // whichever comes; next fills up in order of urgency
		case a := <-v.lanes[laneVotes]:
			batch = append(batch, a)
		case a := <-v.lanes[laneRequests]:
			batch = append(batch, a)
		case a := <-v.lanes[laneBulk]:
			batch = append(batch, a)
		case <-ctx.Done():
			return
		}
		for _, lane := range v.lanes {
			batch = fill(batch, lane)
		}
		v.verify(ctx, batch)
	}
}

func fill(batch []arrival, lane chan arrival) []arrival {
	for len(batch) < verifyBatchMax {
		select {
		case a := <-lane:
			batch = append(batch, a)
		default:
			return batch
		}
	}
	return batch
}

// verify decodes and checks a batch, and hands on what holds.
func (v *verifiers) verify(ctx context.Context, batch []arrival) {
	items := make([]crypto.Unverified[consensus.Message], 0, len(batch))
	from := make([]arrival, 0, len(batch))
	hint := *v.hint.Load()
	for _, a := range batch {
		u, err := v.decode(a, hint)
		switch {
		case err == nil:
			items, from = append(items, u), append(from, a)
		case !errors.Is(err, consensus.ErrStale):
			v.offset(a, err)
		}
	}
	var inputs []core.Input
	var admissions []admission
	crypto.VerifyAll(v.scheme, items, func(i int, m crypto.Verified[consensus.Message]) {
		if _, ok := m.Value().(core.RequestMessage); ok {
			admissions = append(admissions, admission{request: m, arrival: from[i]})
			return
		}
		inputs = append(inputs, core.Received{From: from[i].replica, Message: m})
	}, func(i int) { v.offset(from[i], errSignature) })
	if len(inputs) > 0 {
		select {
		case v.core <- inputs:
		case <-ctx.Done():
		}
	}
	if len(admissions) > 0 {
		select {
		case v.admit <- admissions:
		case <-ctx.Done():
		}
	}
}

func (v *verifiers) decode(a arrival, hint consensus.Hint) (crypto.Unverified[consensus.Message], error) {
	if a.fromClient {
		return v.decoder.Client(a.frame)
	}
	return v.decoder.Replica(a.frame, hint)
}
