package pbft

import (
	"fmt"
	"testing"
	"time"
)

// R1, R38, R39, R40, R43, R48, R50: groups of every shape order batches past many
// checkpoints.
func TestOrders(t *testing.T) {
	for _, n := range []int{1, 4, 5, 6, 7, 10, 13} {
		w := newNetwork(t, n, small)
		for i := range 50 {
			if !w.submit(fmt.Sprint(i)) {
				t.Fatalf("n=%d: no room at %d: %+v", n, i, w.host(0).engine.Status())
			}
			w.run()
		}
		for i := range n {
			if len(w.host(i).executed) != 50 || w.host(i).executed[49] != w.host(0).executed[49] || w.host(i).halted != "" {
				t.Errorf("n=%d: r%d executed %d: %s %+v", n, i, len(w.host(i).executed), w.host(i).halted, w.host(i).engine.Status())
			}
			if st := w.host(i).engine.Status(); st.Low != 48 {
				t.Errorf("n=%d: r%d has low water mark %d, not 48", n, i, st.Low)
			}
		}
	}
}

// R57, R62, R67: a silent primary is replaced, and what it proposed is carried over.
func TestReplacesPrimary(t *testing.T) {
	w := newNetwork(t, 4, small)
	w.submit("a")
	w.run()
	// No commit of view 0 arrives: b prepares at the backups and commits nowhere.
	w.drop = func(p packet) bool {
		return p.from == 0 && p.frame[0] != byte(TypePrePrepare) || p.to == 0 || p.frame[0] == byte(TypeCommit) && p.frame[8] == 0
	}
	w.submit("b")
	w.run()
	w.tick(3 * time.Second)
	for i := 1; i < 4; i++ {
		if st := w.host(i).engine.Status(); st.Ordered != 2 || st.View == 0 {
			t.Errorf("r%d: %+v", i, st)
		}
	}
	// The old primary's link works again: it is told the new view (R73).
	w.drop = nil
	w.tick(3 * time.Second)
	if st := w.host(0).engine.Status(); st.Ordered != 2 || st.View == 0 {
		t.Errorf("r0: %+v", st)
	}
}

// R79: all replicas restart at once and go on.
func TestRestartsAll(t *testing.T) {
	w := newNetwork(t, 4, small)
	for i := range 10 {
		w.submit(fmt.Sprint(i))
		w.run()
	}
	for i := range 4 {
		w.start(w.host(i))
	}
	w.run()
	for i := range 10 {
		if !w.submit(fmt.Sprint("after", i)) {
			t.Fatalf("no room: %+v", w.host(0).engine.Status())
		}
		w.run()
	}
	for i := range 4 {
		if len(w.host(i).executed) != 20 {
			t.Errorf("r%d executed %d: %s %+v", i, len(w.host(i).executed), w.host(i).halted, w.host(i).engine.Status())
		}
	}
}
