package sim

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/wire"
	"github.com/varangian-bft/varangian/pbft"
)

// An EventKind says what happened.
type EventKind uint8

// The kinds of events.
const (
	EventSent     EventKind = iota + 1 // From sent a frame to To; it arrives at Arrives unless a cut or a crash prevents it
	EventExecuted                      // From executed the batch at Sequence
	EventDone                          // client From got the result of an operation
	EventView                          // From is in View now, or changing to it if Text says so
	EventStable                        // Sequence became the low water mark of From
	EventFault                         // something befell From, or all if From is Nobody; Text says what
	EventBroken                        // an invariant does not hold
	EventLost                          // the network drops a frame of From to To
	EventMissed                        // a frame of From did not reach To: Text says why
	EventWithheld                      // From lies: it does not send this frame of its core to To
	EventAltered                       // From lies: the next frame from From to To is not this one, which its core sent; without Type its core sent none
	EventProof                         // From can prove that To lied
)

// Nobody stands for no single party in an Event.
const Nobody = -1

// An Event is one thing that happened in a world, as data for people: a line of a
// listing, an arrow or a mark in a picture. Parties are replicas first, then
// clients.
type Event struct {
	At       time.Duration
	Kind     EventKind
	From, To int
	Arrives  time.Duration // if EventSent

	Type     consensus.MessageType // of the frame
	Name     string                // of its type, for instance "PREPARE"
	View     consensus.ViewNumber
	Sequence consensus.Sequence
	Digest   string // first digits of the batch or request that it is about
	Bytes    int
	Signer   int // replica that signed the vote that was sent, who need not be From; Nobody if it is no vote
	Text     string
}

// String returns the event as one line.
func (e Event) String() string {
	about := ""
	if e.Sequence > 0 || e.View > 0 {
		about = fmt.Sprintf(" v=%d n=%d", e.View, e.Sequence)
	}
	if e.Digest != "" {
		about += " d=" + e.Digest
	}
	if e.Text != "" {
		about += " " + e.Text
	}
	switch e.Kind {
	case EventSent:
		return fmt.Sprintf("%12v  %s > %s  %s%s, until %v", e.At, e.party(e.From), e.party(e.To), e.Name, about, e.Arrives)
	case EventExecuted:
		return fmt.Sprintf("%12v  %s executes%s", e.At, e.party(e.From), about)
	case EventDone:
		return fmt.Sprintf("%12v  %s done%s", e.At, e.party(e.From), about)
	case EventView:
		return fmt.Sprintf("%12v  %s view%s", e.At, e.party(e.From), about)
	case EventStable:
		return fmt.Sprintf("%12v  %s stable%s", e.At, e.party(e.From), about)
	case EventLost, EventMissed, EventWithheld, EventAltered, EventProof:
		return fmt.Sprintf("%12v  %s > %s  %s%s, %s", e.At, e.party(e.From), e.party(e.To), e.Name, about, eventWords[e.Kind])
	case EventFault, EventBroken:
	}
	return fmt.Sprintf("%12v  %s %s", e.At, e.party(e.From), e.Text)
}

var eventWords = map[EventKind]string{
	EventLost: "lost", EventMissed: "did not reach it", EventWithheld: "withheld", EventAltered: "altered", EventProof: "lied, and it is proven",
}

func (e Event) party(i int) string {
	if i == Nobody {
		return "--"
	}
	return fmt.Sprintf("%2d", i)
}

func (w *World) note(e Event) {
	e.At = w.now
	w.cfg.Observe(e)
}

// fault notes what befell a replica, and counts it.
func (w *World) fault(of int, name, format string, args ...any) {
	w.coverage.count("fault " + name)
	if w.cfg.Observe != nil {
		w.note(Event{Kind: EventFault, From: of, Text: name + fmt.Sprintf(format, args...)})
	}
}

// messageNames are what people call the frames.
var messageNames = map[consensus.MessageType]string{
	consensus.TypeRequest:          "REQUEST",
	consensus.TypeSnapshot:         "SNAPSHOT",
	pbft.TypePrePrepare:            "PRE-PREPARE",
	pbft.TypePrepare:               "PREPARE",
	pbft.TypeCommit:                "COMMIT",
	pbft.TypeCheckpoint:            "CHECKPOINT",
	pbft.TypeViewChange:            "VIEW-CHANGE",
	pbft.TypeNewView:               "NEW-VIEW",
	pbft.TypeStatus:                "STATUS",
	pbft.TypeCommitCertificate:     "COMMITTED",
	pbft.TypeCheckpointCertificate: "STABLE",
	pbft.TypeEvidence:              "EVIDENCE",
	pbft.TypeRecall:                "RECALL",
	pbft.TypeRecalled:              "RECALLED",
	wire.TypeFetchBatch:            "FETCH-BATCH",
	wire.TypeFetchRequests:         "FETCH-REQUESTS",
	wire.TypeRequests:              "REQUESTS",
	wire.TypeBatch:                 "BATCH",
	wire.TypeReply:                 "REPLY",
	wire.TypeRefusal:               "REFUSAL",
}

// What a traceHash covers.
const (
	traceDelivered = iota + 1
	traceSent
	traceAnswered
	traceLogged
	traceExecuted
)

// A traceHash is a hash of all that happened in a world, in order. It is fast and
// nobody attacks it.
type traceHash struct{ a, b uint64 }

func (t *traceHash) mix(x uint64) {
	hi, lo := bits.Mul64(t.a^x^0x9e3779b97f4a7c15, t.b^0xd6e8feb86659fd93|1)
	t.a, t.b = hi^lo, bits.RotateLeft64(t.b, 23)+x
}

func (t *traceHash) add(what int, at time.Duration, from, to int, data []byte) {
	t.mix(uint64(what) | uint64(from)<<8 | uint64(to)<<24 | uint64(len(data))<<40)
	t.mix(uint64(at))
	for len(data) >= 8 {
		t.mix(uint64(data[0]) | uint64(data[1])<<8 | uint64(data[2])<<16 | uint64(data[3])<<24 |
			uint64(data[4])<<32 | uint64(data[5])<<40 | uint64(data[6])<<48 | uint64(data[7])<<56)
		data = data[8:]
	}
	last := uint64(0)
	for _, c := range data {
		last = last<<8 | uint64(c)
	}
	t.mix(last)
}

func (t *traceHash) digest() crypto.Digest {
	var b [16]byte
	for i := range 8 {
		b[i], b[8+i] = byte(t.a>>(8*i)), byte(t.b>>(8*i))
	}
	return crypto.Hash(crypto.KindHistory, b[:])
}
