package replica

import (
	"errors"
	"sync/atomic"

	"github.com/varangian-bft/varangian/statemachine"
)

// errStopping is what long reads of the state end with when the replica stops.
var errStopping = errors.New("the replica stops")

// An interruptible is a store whose reads fail once the replica stops. The partition
// digests after a million changes take longer than whoever sent SIGTERM waits for,
// and are computed anew after a start.
type interruptible struct {
	statemachine.Store
	stopping atomic.Bool
}

// Read implements statemachine.Store.
func (s *interruptible) Read(key []byte, at statemachine.Version) (value []byte, found bool, err error) {
	if s.stopping.Load() {
		return nil, false, errStopping
	}
	return s.Store.Read(key, at)
}

// Scan implements statemachine.Store.
func (s *interruptible) Scan(start, end []byte, at statemachine.Version, yield func(key, value []byte) bool) error {
	err := s.Store.Scan(start, end, at, func(key, value []byte) bool { return !s.stopping.Load() && yield(key, value) })
	if err == nil && s.stopping.Load() {
		return errStopping
	}
	return err
}
