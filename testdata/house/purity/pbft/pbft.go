// Package pbft commits every sin that a pure package can.
package pbft

import (
	"maps"
	"math/rand/v2" // want: may not import math/rand/v2
	"slices"
	"sync" // want: may not import sync
	"time"
)

// engine is what a pure package may hold, but for the lock.
type engine struct {
	sync.Mutex
	deadline time.Time
	timeout  time.Duration
	votes    map[int]bool
	done     chan struct{} // want: no channels
}

func (e *engine) step(now time.Time) int {
	if now.After(e.deadline) {
		e.deadline = now.Add(e.timeout * time.Millisecond)
	}
	if time.Since(e.deadline) > 0 { // want: time.Since is a clock
		e.deadline = now.Local() // want: time.Local is a clock
	}
	go e.step(now)        // want: no goroutine
	e.done <- struct{}{}  // want: no channels
	<-e.done              // want: no channels
	select {}             // want: no select
	return rand.IntN(100) // want: rand.IntN draws
}

func (e *engine) count() (n int) {
	for id := range e.votes { // want: order of this range
		n = id
	}
	for _, v := range e.votes { // order-free: a sum
		if v {
			n++
		}
	}
	// order-free: a sum, in a comment
	// of two lines
	for range e.votes {
		n++
	}
	// order-free:
	for range e.votes { // want: order of this range
		n++
	}
	for range slices.Sorted(maps.Keys(e.votes)) {
		n++
	}
	for id := range maps.Keys(e.votes) { // want: order of a map's keys
		n = id
	}
	return n
}

var epoch, _ = time.ParseDuration("1s")

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

var here = time.Unix(0, 0).In(time.Local) // want: time.Unix

func first[M ~map[K]V, K comparable, V any](m M) (key K) {
	for k := range m { // want: order of this range
		return k
	}
	return key
}
