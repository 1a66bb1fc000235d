package replica

import (
	"context"

	"github.com/varangian-bft/varangian/replica/core"
)

// A replier joins signed roots with results and sends each client one frame for
// each executed batch (design, idea 6).
type replier struct {
	jobs    *mailbox[core.Reply]
	clients *clients
}

// replyJobs copies what the core reuses.
func replyJobs(replies []core.Reply) []core.Reply { return append([]core.Reply(nil), replies...) }

func (p *replier) run(ctx context.Context) {
	for {
		select {
		case <-p.jobs.wake:
		case <-ctx.Done():
			return
		}
		for _, r := range p.jobs.take() {
			r.Frames(p.clients.connected, p.clients.send)
		}
	}
}
