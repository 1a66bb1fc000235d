package replica

import (
	"context"
	"time"
)

// drainTimeout bounds how long a replica takes leave.
const drainTimeout = 5 * time.Second

// drain turns clients away, and waits until nothing is half done here: all that
// was ordered is executed and its flush durable.
func (r *Replica) drain(ctx context.Context) {
	r.logger.Info("replica drains")
	close(r.stopping)
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	ticker := time.NewTicker(tickInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if r.status.rests(r.cfg.Group.Genesis.Parameters.CheckpointInterval) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
