package ledger_test

import (
	"testing"

	"github.com/varangian-bft/varangian/examples/ledger"
	"github.com/varangian-bft/varangian/sim"
	_ "github.com/varangian-bft/varangian/sim/adversary"
	"github.com/varangian-bft/varangian/statemachine"
)

// TestSchedules puts the ledger through crashes, losses and lying replicas: every
// replica gives the same answers and writes the same keys (R109).
func TestSchedules(t *testing.T) {
	sim.Check(t, func() statemachine.Application { return ledger.Ledger{} }, func(u sim.User) [][]byte {
		ops := [][]byte{ledger.Open(100)}
		for range 20 {
			to := u.Clients[u.IntN(len(u.Clients))]
			switch u.IntN(3) {
			case 0:
				ops = append(ops, ledger.Balance(to))
			default:
				ops = append(ops, ledger.Transfer(to, u.Uint64N(30)))
			}
		}
		return ops
	}, sim.Seeds(1, 5))
}
