package load

import (
	"errors"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/varangian-bft/varangian/client"
)

// A counter counts what the workers of one client did.
type counter struct {
	mu      sync.Mutex
	latency *hdrhistogram.Histogram
	errors  map[string]uint64
}

func newCounter() *counter {
	return &counter{latency: newHistogram(), errors: map[string]uint64{}}
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(latencyMin, latencyMax, latencyDigits)
}

func (c *counter) add(took time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.errors[kind(err)]++
		return
	}
	// Within the bounds of the histogram no error is possible.
	_ = c.latency.RecordValue(min(max(took.Microseconds(), latencyMin), latencyMax))
}

// kind sorts errors into a few, so that a report can count them.
func kind(err error) string {
	switch {
	case errors.Is(err, errLate):
		return "late"
	case errors.Is(err, client.ErrTimeout):
		return "timeout"
	case errors.Is(err, client.ErrOverloaded):
		return "overloaded"
	case errors.Is(err, client.ErrRejected):
		return "rejected"
	}
	return "other"
}
