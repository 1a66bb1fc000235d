package replica

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/varangian-bft/varangian/consensus"
)

// recoveryInterval is how often a replica looks how far its recovery is.
const recoveryInterval = 100 * time.Millisecond

// newNonce marks the answers of the others that are for this life (R91).
func newNonce() (n consensus.Nonce) {
	_, _ = rand.Read(n[:]) // never fails
	return n
}

// watchRecovery says when a recovery begins and ends, and takes RECOVER away once
// the log itself knows (R92).
func (r *Replica) watchRecovery(ctx context.Context) {
	tick := time.NewTicker(recoveryInterval)
	defer tick.Stop()
	pending, said := r.folder.forgot != "", ""
	for {
		s := r.status.engine()
		if pending && s.Remembered {
			if err := r.folder.remembered(); err != nil {
				r.fail(err)
				return
			}
			pending = false
		}
		switch {
		case s.Recovering != "" && said == "":
			r.logger.Warn("this replica signs nothing", "reason", s.Recovering)
		case s.Recovering == "" && said != "":
			r.logger.Info("this replica has recovered, and signs again", "from_view", s.VotesFrom)
		}
		said = s.Recovering
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
