package memory

import (
	"testing"

	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/storetest"
)

// What a memory store holds survives its process: reopening is going on.
func TestConformance(t *testing.T) {
	storetest.Run(t, func(*testing.T) (statemachine.Store, func() statemachine.Store) {
		s := New()
		return s, func() statemachine.Store { return s }
	})
}
