package client

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// Somebody who waits learns what for, once for each call.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, cfg := newMemory(t, 3)
		for id := range consensus.ReplicaID(3) {
			m.silent[id] = true
		}
		var c *Client
		var said []string
		c = m.dial(t, cfg, WithSlow(2*time.Second, func() {
			count, words := c.Reachable()
			if count != 3 {
				t.Errorf("%d replicas are reachable, want 3", count)
			}
			said = append(said, words)
		}), WithTimeout(10*time.Second))
		began := time.Now()
		_, err := c.Invoke(t.Context(), []byte("x"))
		if !errors.Is(err, ErrTimeout) {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		want := "3 of 4 replicas reachable, 3 needed for progress: r0, r1, r2 connected; r3 not connected: nothing answered at its address; check that it runs and is reachable (while it waits for room, replica status says so at its machine)"
		if len(said) != 1 || said[0] != want {
			t.Errorf("said %q", said)
		}
	})
}
