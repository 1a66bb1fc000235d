package core

import (
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// fetchBytesPerSecond is what one replica may fetch from another (R105); a burst
// may be as large.
const fetchBytesPerSecond = 64 << 20

// A budget bounds the bytes that fetches of each replica may take.
type budget struct {
	left []uint64
	at   time.Time
}

func newBudget(n int) *budget {
	b := &budget{left: make([]uint64, n)}
	for i := range b.left {
		b.left[i] = fetchBytesPerSecond
	}
	return b
}

// spend reports whether the replica may take that many bytes more; over the
// budget the fetch goes unanswered, and the asker turns to another replica.
func (b *budget) spend(by consensus.ReplicaID, bytes uint64) bool {
	if b.left[by] < bytes {
		return false
	}
	b.left[by] -= bytes
	return true
}

func (b *budget) tick(now time.Time) {
	if b.at.IsZero() || now.Before(b.at) {
		b.at = now
		return
	}
	more := uint64(min(now.Sub(b.at), time.Second)) * fetchBytesPerSecond / uint64(time.Second)
	b.at = now
	for i := range b.left {
		b.left[i] = min(b.left[i]+more, fetchBytesPerSecond)
	}
}
