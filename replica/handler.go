package replica

import (
	"crypto/rand"
	"errors"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/network"
	"github.com/varangian-bft/varangian/store/log"
)

// errSignature is what a frame with a signature that does not hold is cut off for.
var errSignature = errors.New("a signature does not hold")

// A handler passes frames from the streams to the verifiers. It blocks while
// their lane is full, which is the back-pressure on that stream (R102).
type handler struct {
	replica *Replica
	ready   chan struct{} // closed when the host is known: frames may come before Listen returns
	done    <-chan struct{}
}

func (h *handler) FromReplica(from consensus.ReplicaID, _ consensus.Class, frame []byte) {
	h.offer(h.replica.verifiers.fromReplica(from, frame))
}

func (h *handler) FromClient(conn network.ConnID, client consensus.ClientID, frame []byte) {
	<-h.ready
	h.replica.clients.seen(conn, client)
	if wire.Type(frame) == wire.TypeStatusQuery {
		if h.replica.clients.mayAsk(conn, time.Now()) {
			h.replica.host.Reply(conn, wire.StatusAnswerFrame(h.replica.statusText()))
		}
		return
	}
	select {
	case <-h.replica.stopping:
		h.replica.refuseStopping(conn, frame)
		return
	default:
	}
	h.offer(arrival{fromClient: true, conn: conn, client: client, frame: frame})
}

func (h *handler) offer(a arrival) {
	select {
	case h.replica.verifiers.lane(a) <- a:
	case <-h.done:
	}
}

func (h *handler) ReplicaUp(id consensus.ReplicaID) {
	h.replica.logger.Debug("replica reachable", "replica", id)
}

func (h *handler) ReplicaDown(id consensus.ReplicaID) {
	h.replica.logger.Debug("replica unreachable", "replica", id)
}

func (h *handler) ClientGone(conn network.ConnID) { h.replica.clients.gone(conn) }

// refuseStopping tells a client to turn to the other replicas. The request is not
// verified: the refusal is only one replica's word.
func (r *Replica) refuseStopping(conn network.ConnID, frame []byte) {
	if wire.Type(frame) != consensus.TypeRequest {
		return
	}
	u, err := consensus.DecodeRequest(frame[1:], r.cfg.Group)
	if err != nil {
		return
	}
	r.host.Reply(conn, wire.Refusal{Request: u.Value.Digest(), Reason: wire.RefusedStopping}.Marshal())
}

func newSalt() (s log.Salt) {
	_, _ = rand.Read(s[:]) // never fails
	return s
}
