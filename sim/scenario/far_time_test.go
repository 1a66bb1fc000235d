package scenario_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/statemachine"
)

// A sundial answers each operation with the agreed time.
type sundial struct{}

func (sundial) Apply(w statemachine.Writer, _ []byte) ([]byte, error) {
	return binary.BigEndian.AppendUint64(nil, uint64(w.Time())), nil
}

func (sundial) Query(statemachine.Reader, []byte) ([]byte, error) { return nil, nil }

// The time that one primary pushes far ahead: whatever reads the agreed time (ends
// of auctions, leases, interest) is then the primary's to decide. CometBFT's time of
// a block could be manipulated by forged signatures. Source: GHSA-c32p-wcqj-j677.
//
// R37: a proposal too far ahead of a backup's clock waits for its time, which never
// comes before the primary is replaced; one too far behind changes no order.
func TestFarTime(t *testing.T) {
	for _, name := range []string{"future", "past"} {
		r := begin(t, sim.Config{Seed: 24, App: func() statemachine.Application { return sundial{} }})
		r.corrupt(0, name)
		last := int64(0)
		began := int64(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
		for range 10 {
			end := r.invoke(0, []byte("what time is it?"))
			r.serve(60 * time.Second)
			if len(end.Result.Value) != 8 {
				t.Fatalf("%s: %+v", name, end)
			}
			now := int64(binary.BigEndian.Uint64(end.Result.Value))
			drift := time.Duration(now - began - int64(r.Now())).Abs()
			if now <= last || drift > 2*r.Group().Genesis.Parameters.DriftMax {
				t.Errorf("%s: the agreed time is off by %v (before: %d, now: %d)", name, drift, last, now)
			}
			last = now
		}
		r.lied()
	}
}
