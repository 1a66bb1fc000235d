package session

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
)

// Config is what a session needs. Zero limits and times mean the defaults.
type Config struct {
	Group  *consensus.Group
	Scheme crypto.Scheme // checks the roots of operations that ask for a receipt
	Signer crypto.Signer // the client's signing key

	// Number is the first session to open. It has to be above every one that the
	// key opened before (R26); if the group says that it is not, higher ones are
	// tried.
	Number consensus.SessionNumber

	RequestsMax int           // requests in flight; 8
	WaitingMax  int           // operations that are not completed; 65,536
	RetryMin    time.Duration // first repetition of a request; 500 ms
	RetryMax    time.Duration // it doubles up to this; 8 s
}

const (
	requestsDefault = 8
	waitingDefault  = 1 << 16
	retryMinDefault = 500 * time.Millisecond
	retryMaxDefault = 8 * time.Second
)

// A Session is one client's conversation with a group. It is deterministic and
// used by one goroutine.
type Session struct {
	cfg    Config
	client consensus.ClientID
	now    time.Time

	numbers    *numbering // of the session that is open or being opened; nil without one
	nextNumber consensus.SessionNumber
	raises     int // session numbers that the group found too low, in a row

	flight    []*request // in the order in which they were signed
	byDigest  map[crypto.Digest]*request
	waiting   queue
	count     int // operations that are not completed
	deadline  time.Time
	roundTrip time.Duration // mean time from signing to result
}

// New returns a session that has sent nothing yet: the first operation opens it.
func New(cfg Config) *Session {
	if cfg.RequestsMax <= 0 {
		cfg.RequestsMax = requestsDefault
	}
	if cfg.WaitingMax <= 0 {
		cfg.WaitingMax = waitingDefault
	}
	if cfg.RetryMin <= 0 {
		cfg.RetryMin = retryMinDefault
	}
	if cfg.RetryMax < cfg.RetryMin {
		cfg.RetryMax = max(retryMaxDefault, cfg.RetryMin)
	}
	return &Session{
		cfg: cfg, client: consensus.ClientID(cfg.Signer.Public()), nextNumber: max(cfg.Number, 1),
		byDigest: map[crypto.Digest]*request{},
	}
}

// Step consumes one event and appends what follows from it.
func (s *Session) Step(ev Event, out *Effects) {
	switch ev := ev.(type) {
	case Submitted:
		s.submitted(ev.Operations, out)
	case Cancelled:
		s.cancelled(ev, out)
	case Received:
		s.received(ev.From, ev.Frame, out)
	case Connected:
		s.connected(ev.Replica, out)
	case Tick:
		s.now = ev.Now
		s.tick(out)
	}
	s.pack(out)
}

// Idle reports whether no operation waits for anything.
func (s *Session) Idle() bool { return s.count == 0 }

// received reads a frame of a replica; what is none is reported, since the
// channel lets nobody else put it there.
func (s *Session) received(from consensus.ReplicaID, frame []byte, out *Effects) {
	if _, ok := s.cfg.Group.Member(from); !ok {
		return
	}
	ok := false
	switch wire.Type(frame) {
	case wire.TypeReply:
		ok = s.replied(from, frame, out)
	case wire.TypeRefusal:
		ok = s.refused(from, frame, out)
	}
	if !ok {
		out.Garbage = append(out.Garbage, from)
	}
}

// A numbering gives the requests of one session their timestamps (R26).
type numbering struct {
	session    consensus.SessionNumber
	open       bool
	next       consensus.Timestamp // to be used
	done       consensus.Timestamp // nothing at or below it is waited for
	finished   map[consensus.Timestamp]struct{}
	requests   int // in flight
	operations int // in them
}

// finish notes that the request under t is not waited for any more.
func (n *numbering) finish(t consensus.Timestamp) {
	n.finished[t] = struct{}{}
	for {
		if _, ok := n.finished[n.done+1]; !ok {
			return
		}
		n.done++
		delete(n.finished, n.done)
	}
}

// room reports whether the replicas accept another timestamp (R26): the request
// itself carries done, so that it counts there.
func (n *numbering) room(window uint64) bool { return uint64(n.next-n.done) <= window }
