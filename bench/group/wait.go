package group

import (
	"context"
	"time"
)

// Wait lets time pass: a fault lasts, or a load runs. It ends early with the cause of
// ctx.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
