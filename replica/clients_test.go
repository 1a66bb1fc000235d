package replica

import (
	"testing"
	"time"
)

// TestStatusQueries: R101 – a connection gets ten answers a second, also if it asks
// without end, and nothing is remembered of one that is gone.
func TestStatusQueries(t *testing.T) {
	c := newClients()
	now := time.Unix(1000, 0)
	answers := func() (n int) {
		for range 1000 {
			if c.mayAsk(1, now) {
				n++
			}
		}
		return n
	}
	if n := answers(); n != 10 {
		t.Errorf("%d answers at once", n)
	}
	if !c.mayAsk(2, now) {
		t.Error("another connection gets none")
	}
	now = now.Add(500 * time.Millisecond)
	if n := answers(); n != 5 {
		t.Errorf("%d answers half a second later", n)
	}
	now = now.Add(time.Hour)
	if n := answers(); n != 10 {
		t.Errorf("%d answers after a long time", n)
	}
	c.gone(1)
	c.gone(2)
	if len(c.asked) > 0 {
		t.Errorf("%d connections are remembered", len(c.asked))
	}
}
