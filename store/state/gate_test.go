package state

import (
	"errors"
	"testing"
	"testing/synctest"
)

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		if err := errors.Join(g.enter(), g.enter()); err != nil {
			t.Fatal(err)
		}
		done := false
		go func() { done = g.close() }()
		for range 2 {
			synctest.Wait()
			if done {
				t.Fatal("closed with somebody inside")
			}
			if err := g.enter(); !errors.Is(err, ErrClosed) {
				t.Fatalf("entered a shut gate: %v", err)
			}
			g.leave()
		}
		synctest.Wait()
		if !done {
			t.Fatal("not closed although nobody is inside")
		}
		if g.close() {
			t.Fatal("closed twice")
		}
	})
}
