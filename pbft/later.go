package pbft

import "github.com/varangian-bft/varangian/consensus"

// What is kept of each signer for views above the present one (R44, R101). Above
// it, messages are dropped and come again by retransmission.
const (
	laterVotesMax       = 256
	laterPrePreparesMax = 16
)

// keepForLater keeps a message for a higher view. It has no effect before the
// NEW-VIEW of that view.
func (e *Engine) keepForLater(signer consensus.ReplicaID, m consensus.Message) {
	if viewOf(m) < e.changing {
		return
	}
	limit := laterVotesMax
	if m.Type() == TypePrePrepare {
		limit = laterPrePreparesMax
	}
	for _, old := range e.later[signer] {
		if (old.Type() == TypePrePrepare) == (m.Type() == TypePrePrepare) {
			limit--
		}
	}
	if limit > 0 {
		e.later[signer] = append(e.later[signer], m)
	}
}

func viewOf(m consensus.Message) consensus.ViewNumber {
	switch m := m.(type) {
	case *PrePrepare:
		return m.Header.View
	case *Vote:
		return m.Header.View
	}
	return 0
}

// purgeLater drops what is for a view that this replica has given up.
func (e *Engine) purgeLater() {
	for i, list := range e.later {
		keep := list[:0]
		for _, m := range list {
			if viewOf(m) >= e.changing {
				keep = append(keep, m)
			}
		}
		clear(list[len(keep):])
		e.later[i] = keep
	}
}

// replayLater takes up what was kept for the view that has just been opened. What
// is for a higher view is kept again.
func (e *Engine) replayLater(out *consensus.Effects) {
	for i, list := range e.later {
		e.later[i] = nil
		for _, m := range list {
			e.onMessage(consensus.ReplicaID(i), m, out)
		}
	}
}
