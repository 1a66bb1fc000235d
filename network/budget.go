package network

import "sync/atomic"

// ownBytes is what each connection of a client holds without asking anyone: no
// number of others can take it away. More comes out of a budget that all clients
// share (R101).
const ownBytes = 64 << 10

// A budget is memory that all connections of clients share. It is safe for
// concurrent use. A nil budget gives whatever is asked of it.
type budget struct{ left atomic.Int64 }

func newBudget(bytes int) *budget {
	b := new(budget)
	b.left.Store(int64(bytes))
	return b
}

// take takes so many bytes, or none and returns false.
func (b *budget) take(bytes int) bool {
	if b == nil || bytes == 0 {
		return true
	}
	if b.left.Add(-int64(bytes)) >= 0 {
		return true
	}
	b.left.Add(int64(bytes))
	return false
}

// give returns what was taken.
func (b *budget) give(bytes int) {
	if b != nil {
		b.left.Add(int64(bytes))
	}
}

// beyondOwn is how much of so many bytes comes out of the budget.
func beyondOwn(bytes int) int { return max(bytes-ownBytes, 0) }
