package network

import (
	"fmt"
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// ClassLimits bound one class of traffic with one remote.
type ClassLimits struct {
	FrameBytesMax int // payload of one frame; a longer one cuts its sender off (R103)
	QueueBytesMax int // frames that wait to be written; at the bound Send drops (R101)
	QueueCountMax int
}

// Limits bound everything that a remote can make this process hold or do (R101,
// R103 to R105). Start from DefaultLimits.
type Limits struct {
	Classes [consensus.Classes]ClassLimits // per replica; ClassClient also bounds what a client sends
	Reply   ClassLimits                    // what one connection of a client is sent

	ClientConnectionsMax    int // of all clients; lowered to what the descriptor limit of the process allows
	ConnectionsPerClientMax int // of one client key
	ClientBytesMax          int // of frames under way, and again of replies that wait: what all clients share beyond 64 KiB for each connection
	HalfOpenMax             int // incoming connections before the end of their handshake
	HandshakesPerSecond     int // of one IP address (IPv6: /64); above, connections are closed unread
	HandshakesBurst         int
	HellosPerSecond         int // streams that one remote opens; above, it is cut off
	FramesPerSecondMax      int // of one stream, averaged over its last seconds; above, it is cut off
	BulkBytesPerSecond      int // fetches and state sent to one replica (R105)
	WindowBytesMax          int // received and not yet taken by the handler, per stream of a replica; a client's stays at 256 KiB

	DialDeadline  time.Duration // name resolution, TCP and TLS
	HelloDeadline time.Duration // from an open stream to the end of its hello, and for an incoming TLS handshake
	FrameDeadline time.Duration // from the first byte of a frame to its last
	WriteDeadline time.Duration // for a remote to take what is being written
	KeepAlive     time.Duration // silence after which a remote is asked whether it lives
	AnswerMax     time.Duration // how long it may take to answer, and the connection to take a write; then it is closed
	CloseDeadline time.Duration // for Close to write out what waits
	RedialMin     time.Duration // first wait before dialing again; doubles up to RedialMax, with jitter
	RedialMax     time.Duration
	PenaltyMin    time.Duration // how long a remote stays cut off; doubles up to PenaltyMax with each further offence
	PenaltyMax    time.Duration
}

// DefaultLimits suit the default parameters of a group.
func DefaultLimits() Limits {
	return Limits{
		Classes: [consensus.Classes]ClassLimits{
			consensus.ClassVote:   {FrameBytesMax: 8 << 20, QueueBytesMax: 32 << 20, QueueCountMax: 65536},
			consensus.ClassStatus: {FrameBytesMax: 8 << 20, QueueBytesMax: 16 << 20, QueueCountMax: 16384},
			consensus.ClassClient: {FrameBytesMax: 1 << 20, QueueBytesMax: 16 << 20, QueueCountMax: 16384},
			consensus.ClassFetch:  {FrameBytesMax: 2 << 20, QueueBytesMax: 16 << 20, QueueCountMax: 4096},
			consensus.ClassState:  {FrameBytesMax: 2 << 20, QueueBytesMax: 16 << 20, QueueCountMax: 4096},
		},
		Reply:                   ClassLimits{FrameBytesMax: 2 << 20, QueueBytesMax: 4 << 20, QueueCountMax: 8192},
		ClientConnectionsMax:    4096,
		ConnectionsPerClientMax: 16,
		ClientBytesMax:          256 << 20,
		HalfOpenMax:             256,
		HandshakesPerSecond:     200,
		HandshakesBurst:         1024,
		HellosPerSecond:         20,
		FramesPerSecondMax:      500_000,
		BulkBytesPerSecond:      64 << 20,
		WindowBytesMax:          1 << 20,
		DialDeadline:            5 * time.Second,
		HelloDeadline:           5 * time.Second,
		FrameDeadline:           30 * time.Second,
		WriteDeadline:           10 * time.Second,
		KeepAlive:               4 * time.Second,
		AnswerMax:               6 * time.Second,
		CloseDeadline:           time.Second,
		RedialMin:               20 * time.Millisecond,
		RedialMax:               time.Second,
		PenaltyMin:              time.Second,
		PenaltyMax:              time.Minute,
	}
}

// LimitsFor are the defaults, with room for the largest request, result and batch
// that the parameters of a group allow.
func LimitsFor(p *consensus.Parameters) Limits {
	l := DefaultLimits()
	batch := p.BatchBytesMax + frameSpare*p.BatchRequestsMax
	l.Classes[consensus.ClassVote].fit(batch)
	l.Classes[consensus.ClassStatus].fit(batch)
	l.Classes[consensus.ClassClient].fit(p.RequestBytesMax)
	l.Classes[consensus.ClassFetch].fit(batch)
	l.Classes[consensus.ClassState].fit(max(batch, p.KeyBytesMax+p.ValueBytesMax))
	l.Reply.fit(p.ResultsBytesMax() + frameSpare*p.RequestOperationsMax)
	l.ClientBytesMax = max(l.ClientBytesMax, l.Reply.QueueBytesMax, 4*l.Classes[consensus.ClassClient].FrameBytesMax)
	return l
}

// frameSpare is more than any message adds to one of the items it carries:
// digests, lengths, a path, a signature.
const frameSpare = 128

// fit raises the limits to hold payloads of so many bytes, up to frameBytesMost.
func (c *ClassLimits) fit(payload uint64) {
	payload = min(payload+4096, frameBytesMost)
	c.FrameBytesMax = max(c.FrameBytesMax, int(payload))
	c.QueueBytesMax = max(c.QueueBytesMax, 4*int(payload))
}

// frameBytesMost is the largest frame that any limit may allow.
const frameBytesMost = 256 << 20

// windowBytesMin is what yamux lets a remote send on a new stream unasked.
const windowBytesMin = 256 << 10

// BytesMax is the most memory that remotes can make a Host with so many other
// replicas hold, all of them lying at once (R101). The largest part, the windows
// of clients, is only taken by clients that misbehave.
func (l Limits) BytesMax(replicas int) uint64 {
	var replica uint64
	for _, c := range l.Classes {
		replica += uint64(c.QueueBytesMax) + uint64(c.FrameBytesMax)
	}
	replica += uint64(lanes) * uint64(l.WindowBytesMax)
	const client = 2*ownBytes + windowBytesMin
	return uint64(replicas)*replica + uint64(l.ClientConnectionsMax)*client + 2*uint64(l.ClientBytesMax)
}

// forReply are the class limits of a lane with a client.
func (l *Limits) forReply() *[consensus.Classes]ClassLimits {
	return &[consensus.Classes]ClassLimits{consensus.ClassClient: l.Reply}
}

func (l *Limits) validate() error {
	for c, b := range append(l.Classes[:], l.Reply) {
		if b.FrameBytesMax < 1 || b.FrameBytesMax > frameBytesMost || b.QueueBytesMax < b.FrameBytesMax || b.QueueCountMax < 1 {
			return fmt.Errorf("network: limits of class %d are %+v; a frame needs 1 byte to 256 MiB and has to fit its queue", c, b)
		}
	}
	if l.ClientBytesMax < max(l.Reply.FrameBytesMax, l.Classes[consensus.ClassClient].FrameBytesMax) {
		return fmt.Errorf("network: ClientBytesMax is %d; the largest frame of a client has to fit", l.ClientBytesMax)
	}
	if l.WindowBytesMax < windowBytesMin {
		return fmt.Errorf("network: WindowBytesMax is %d; the least is %d", l.WindowBytesMax, windowBytesMin)
	}
	counts := []int{
		l.ClientConnectionsMax, l.ConnectionsPerClientMax, l.HalfOpenMax, l.HandshakesPerSecond, l.HandshakesBurst,
		l.HellosPerSecond, l.FramesPerSecondMax, l.BulkBytesPerSecond, l.ClientBytesMax,
	}
	for _, n := range counts {
		if n < 1 {
			return fmt.Errorf("network: a limit is %d; all are at least 1 (start from DefaultLimits)", n)
		}
	}
	spans := []time.Duration{
		l.DialDeadline, l.HelloDeadline, l.FrameDeadline, l.WriteDeadline, l.KeepAlive, l.AnswerMax, l.CloseDeadline,
		l.RedialMin, l.RedialMax, l.PenaltyMin, l.PenaltyMax,
	}
	for _, d := range spans {
		if d <= 0 {
			return fmt.Errorf("network: a time limit is %v; all are above 0 (start from DefaultLimits)", d)
		}
	}
	return nil
}
