package replica

import "sync"

// A mailbox passes items to one goroutine without ever blocking the sender. It
// has no bound of its own: what is put in is bounded by the sender, who is owed
// an answer for each item and has a limited number of them open. So core and
// workers cannot wait for each other in a circle.
type mailbox[T any] struct {
	mu    sync.Mutex
	items []T
	spare []T
	wake  chan struct{} // holds one item while the mailbox is not empty
}

func newMailbox[T any]() *mailbox[T] {
	return &mailbox[T]{wake: make(chan struct{}, 1)}
}

func (m *mailbox[T]) put(items ...T) {
	if len(items) == 0 {
		return
	}
	m.mu.Lock()
	m.items = append(m.items, items...)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take returns all items, in order. The slice is valid until the next take.
func (m *mailbox[T]) take() []T {
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := m.items
	clear(m.spare)
	m.items, m.spare = m.spare[:0], taken
	return taken
}
