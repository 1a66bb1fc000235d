package state

import (
	"errors"
	"sync"
)

// ErrClosed is the answer of a Store after Close.
var ErrClosed = errors.New("the state store is closed")

// A gate lets users in until it is shut. Badger unmaps its tables on close, so a
// reader that is still inside would die of a fault. A read-write lock would not
// do: a read inside a scan would wait for the closer that waits for the scan.
type gate struct {
	mu     sync.Mutex
	inside int
	shut   bool
	empty  chan struct{} // closed when the last one has left a shut gate
}

func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return ErrClosed
	}
	g.inside++
	return nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.shut && g.inside == 0 {
		close(g.empty)
	}
}

// close shuts the gate and waits for those inside; false if it was shut already.
func (g *gate) close() bool {
	g.mu.Lock()
	if g.shut {
		g.mu.Unlock()
		return false
	}
	g.shut, g.empty = true, make(chan struct{})
	wait := g.inside > 0
	g.mu.Unlock()
	if wait {
		<-g.empty
	}
	return true
}
