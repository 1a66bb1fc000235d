package replica

import (
	"errors"
	"testing"

	"github.com/varangian-bft/varangian/statemachine"
)

// A countingStore has keys without end.
type countingStore struct {
	statemachine.Store
	reads int
	each  func()
}

func (s *countingStore) Read([]byte, statemachine.Version) ([]byte, bool, error) {
	s.reads++
	return nil, false, nil
}

func (s *countingStore) Scan(_, _ []byte, _ statemachine.Version, yield func(key, value []byte) bool) error {
	for yield(nil, nil) {
		s.reads++
		s.each()
	}
	return nil
}

// A long scan and a row of reads end when the replica stops, and not as if they had
// come to their end: half a state must not be taken for all of it.
func TestInterruptible(t *testing.T) {
	under := &countingStore{}
	s := &interruptible{Store: under}
	if _, _, err := s.Read(nil, 1); err != nil {
		t.Fatal(err)
	}
	under.each = func() { s.stopping.Store(under.reads == 10) }
	err := s.Scan(nil, nil, 1, func(_, _ []byte) bool { return true })
	if !errors.Is(err, errStopping) || under.reads != 10 {
		t.Errorf("the scan ended after %d keys with %v", under.reads, err)
	}
	if _, _, err := s.Read(nil, 1); !errors.Is(err, errStopping) {
		t.Errorf("read: %v", err)
	}
}
