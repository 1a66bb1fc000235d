package state

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/storetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(victimVariable) != "" {
		victim()
		return
	}
	goleak.VerifyTestMain(m)
}

func mustOpen(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	var s *Store
	end := func(t *testing.T) {
		if s == nil {
			return
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	storetest.Run(t, func(t *testing.T) (statemachine.Store, func() statemachine.Store) {
		dir := t.TempDir()
		reopen := func() statemachine.Store {
			end(t)
			s = mustOpen(t, dir)
			return s
		}
		return reopen(), reopen
	})
}
