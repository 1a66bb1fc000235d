package statemachine

import (
	"github.com/varangian-bft/varangian/consensus"
)

// An Application is a deterministic service over an ordered key space that the
// framework owns: checkpoints, digests, state transfer, exactly-once and recovery
// come with it.
//
// Apply and Query may depend only on what their arguments give them: no clock,
// random source, goroutine, environment, map order or state of their own (R109).
// Endless loops and unbounded recursion are outside the promise (R110).
type Application interface {
	// Apply executes one operation. An error rolls back everything that w was
	// given, and its text is the result. A panic is the result class "panic"; its
	// text does not leave the replica. op belongs to the framework; result to it
	// after the return.
	Apply(w Writer, op []byte) (result []byte, err error)

	// Query answers a read-only operation.
	Query(r Reader, op []byte) (result []byte, err error)
}

// A Reader reads one consistent state (R99). It is valid only during the call
// that it was given to. Reads over the limit of the group end the operation with
// result class "limit", whatever the application does next (R110).
type Reader interface {
	// Read returns the value of a key; found is false if there is none. The slice
	// must not be changed.
	Read(key []byte) (value []byte, found bool)

	// Scan calls yield for each key in [start, end) in ascending order until yield
	// returns false. A nil end means no bound. The slices must not be changed.
	// It shows the state as it was when it began, whatever yield writes.
	Scan(start, end []byte, yield func(key, value []byte) bool)

	// ResultBytesMax returns how long the result of this operation may be: at most
	// the group's result_bytes_max, less if the request or the batch has used up its
	// share (R111). A list is cut before it.
	ResultBytesMax() uint64
}

// A Writer is a Reader that changes the state, and sees its own changes. Key and
// value are copied. What is over the group's limits ends the operation with
// result class "limit" (R111).
type Writer interface {
	Reader
	Set(key, value []byte)
	Delete(key []byte)

	Sequence() consensus.Sequence // of the batch under execution
	Time() consensus.Time         // agreed and monotonic (R37)
	Client() consensus.ClientID   // whose operation this is
}
