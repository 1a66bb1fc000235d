package scenario_test

import (
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
)

// Idle view-change churn: an idle group of Hyperledger Fabric's PBFT went through
// 13 views in ten minutes. Source: hyperledger-archives/fabric#917.
//
// R31, R69, R75: where nothing waits no timer runs, also if one replica asks for
// every view there is and a client sends nothing but what was executed or never
// will be.
func TestIdleChurn(t *testing.T) {
	r := begin(t, sim.Config{Seed: 8})
	r.load(1, 3)
	r.serve(5 * time.Second)
	r.corrupt(3, "vc-spam+nag")
	r.run(20 * time.Minute)
	if r.view() != 0 {
		t.Errorf("view %d after twenty idle minutes", r.view())
	}
	r.load(0, 3)
	r.serve(5 * time.Second)
	r.lied()
}
