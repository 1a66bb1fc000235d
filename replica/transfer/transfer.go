// Package transfer brings the state of a replica that is behind to a certified
// checkpoint.
package transfer

import (
	"errors"
	"time"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

// Effects is what a Fetcher asks for.
type Effects struct {
	Send  []consensus.Outbound // questions to other replicas
	Store []Store              // durable writes, one at a time; each is answered with Stored
	Done  bool                 // the state at the target is durable
}

// A Store is one durable write of a transfer.
type Store struct{ Marker statemachine.Marker }

// A Fetcher fetches.
type Fetcher struct{}

// NewFetcher returns an idle fetcher.
func NewFetcher(g *consensus.Group, self consensus.ReplicaID) *Fetcher { return &Fetcher{} }

// Start begins.
func (f *Fetcher) Start(target consensus.Checkpoint, from statemachine.Marker, now time.Time, out *Effects) {
}

// Active reports whether a transfer is under way.
func (f *Fetcher) Active() bool { return false }

// Target is the checkpoint being fetched.
func (f *Fetcher) Target() consensus.Sequence { return 0 }

// Receive takes a verified answer.
func (f *Fetcher) Receive(from consensus.ReplicaID, m consensus.Message, now time.Time, out *Effects) {}

// Stored says that the last Store is durable.
func (f *Fetcher) Stored(now time.Time, out *Effects) {}

// Tick asks the next replica when one does not answer.
func (f *Fetcher) Tick(now time.Time, out *Effects) {}

// Status says what the transfer is doing.
func (f *Fetcher) Status() string { return "" }

// Question reports whether a message is a question for the server.
func Question(m consensus.Message) bool { return false }

// Decode reads a frame of state transfer.
func Decode(frame []byte, g *consensus.Group) (crypto.Unverified[consensus.Message], error) {
	return crypto.Unverified[consensus.Message]{}, errors.New("transfer: unknown")
}
