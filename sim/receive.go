package sim

import (
	"errors"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/replica/core"
)

// receive decodes, verifies and takes a frame of another replica.
func (r *Replica) receive(from consensus.ReplicaID, frame []byte) {
	if !r.up || !r.hears(int(from), false, frame) {
		return
	}
	w := r.world
	u, err := r.decoder.Replica(frame, r.core.Hint())
	if err != nil {
		w.coverage.rejected(frame[0], err)
		if !errors.Is(err, consensus.ErrStale) && w.correct(from) {
			w.checks.fail("sound", "%s sent %s a frame of type %d that does not decode: %v", replicaName(int(from)), replicaName(int(r.id)), frame[0], err)
		}
		return
	}
	m, ok := r.verify(u)
	switch {
	case !ok:
		w.coverage.rejected(frame[0], errSignature)
		if w.correct(from) {
			w.checks.fail("sound", "%s sent %s a frame of type %d whose signature does not hold", replicaName(int(from)), replicaName(int(r.id)), frame[0])
		}
	case frame[0] == byte(consensus.TypeRequest):
		r.judge(m, -1)
	default:
		r.step(core.Received{From: from, Message: m})
	}
}

var errSignature = errors.New("a signature does not hold")

func (r *Replica) verify(u crypto.Unverified[consensus.Message]) (m crypto.Verified[consensus.Message], ok bool) {
	r.world.one[0] = u
	crypto.VerifyAll(r.world.cfg.Scheme, r.world.one[:], func(_ int, v crypto.Verified[consensus.Message]) { m, ok = v, true }, func(int) {})
	return m, ok
}

func (r *Replica) receiveRequest(client int, frame []byte) {
	if !r.up || !r.hears(client, true, frame) {
		return
	}
	u, err := r.decoder.Client(frame)
	if err != nil {
		r.world.coverage.rejected(frame[0], err)
		return
	}
	if m, ok := r.verify(u); ok {
		r.judge(m, client)
	} else {
		r.world.coverage.rejected(frame[0], errSignature)
	}
}

// judge is what the executor of a real replica does with a verified request.
func (r *Replica) judge(m crypto.Verified[consensus.Message], client int) {
	in, reason := core.Judge(r.machine, m)
	switch {
	case in != nil:
		r.step(in)
	case client >= 0:
		request := m.Value().(core.RequestMessage).Request
		r.refuse(client, request, reason)
	}
}

func (r *Replica) refuse(client int, request *consensus.Request, reason wire.RefusalReason) {
	r.world.coverage.refused(reason)
	r.reply(client, wire.Refusal{Request: request.Digest(), Reason: reason}.Marshal())
}

func (r *Replica) reply(client int, frame []byte) {
	w := r.world
	from, to := int(r.id), len(w.replicas)+client
	if r.behaviour == nil {
		w.trace.add(traceAnswered, w.now, from, to, frame)
		w.carry(from, to, frame)
		return
	}
	said := r.behaviour.Answer(client, frame)
	w.noteWithheld(from, to, frame, said)
	for _, f := range said {
		w.noteAltered(from, to, frame, f)
		w.carry(from, to, f)
	}
}
