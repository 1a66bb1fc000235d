package network

import (
	"math/rand/v2"
	"sync"
	"time"
)

// epoch makes instants small enough for an atomic integer, and monotonic.
var epoch = time.Now()

// instant is the time since the start of the process, never 0.
func instant() int64 { return int64(time.Since(epoch)) + 1 }

// A bucket allows rate units per second on average, and burst at once. It is
// not safe for concurrent use.
type bucket struct {
	rate, burst float64
	level       float64 // units that may be taken now
	at          int64   // instant of level
}

func newBucket(rate, burst int) bucket {
	return bucket{rate: float64(rate), burst: float64(burst), level: float64(burst), at: instant()}
}

// fill moves the bucket to the present.
func (b *bucket) fill(now int64) {
	b.level = min(b.burst, b.level+b.rate*float64(now-b.at)/float64(time.Second))
	b.at = now
}

// take takes n units if they are there.
func (b *bucket) take(n int) bool {
	b.fill(instant())
	if b.level < float64(n) {
		return false
	}
	b.level -= float64(n)
	return true
}

// spend takes n units, on credit if need be, and returns how long to wait before
// the next time.
func (b *bucket) spend(n int) time.Duration {
	b.fill(instant())
	b.level -= float64(n)
	if b.level >= 0 {
		return 0
	}
	return time.Duration(-b.level / b.rate * float64(time.Second))
}

// A penalty keeps an offender away: each offence doubles it, good conduct for
// as long as the longest penalty clears the record.
type penalty struct {
	mu    sync.Mutex
	until time.Time
	span  time.Duration
}

func (p *penalty) impose(limits *Limits) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	switch {
	case p.span == 0 || now.Sub(p.until) > limits.PenaltyMax:
		p.span = limits.PenaltyMin
	case now.After(p.until): // offences during a penalty are from before it began
		p.span = min(2*p.span, limits.PenaltyMax)
	default:
		return
	}
	p.until = now.Add(p.span)
}

func (p *penalty) end() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until
}

func (p *penalty) active() bool { return time.Now().Before(p.end()) }

// A backoff spaces attempts: doubling, and with jitter, so that a group that
// starts at once does not dial in step.
type backoff struct {
	least, most time.Duration
	next        time.Duration
}

func (b *backoff) reset() { b.next = 0 }

func (b *backoff) wait() time.Duration {
	b.next = min(max(b.least, 2*b.next), b.most)
	return b.next/2 + rand.N(b.next/2+1)
}
