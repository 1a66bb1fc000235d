package state

import (
	"github.com/varangian-bft/varangian/statemachine"
)

// spaceCheckBytes is how much may be written between two looks at the free space.
const spaceCheckBytes = 2 << 20

// A writer puts changes into a bulk, counts the values among them, and stops
// before the disk is full (R88).
type writer struct {
	*bulk
	space  *space
	unseen uint64 // bytes written since the last look
	sets   uint64
}

func (w *writer) write(c *statemachine.Change) error {
	if w.unseen += uint64(len(c.Key) + len(c.Value)); w.unseen >= spaceCheckBytes {
		if err := w.space.ready(w.unseen); err != nil {
			return err
		}
		w.unseen = 0
	}
	if c.Deleted {
		return w.delete(c.Key)
	}
	w.sets++
	return w.set(c.Key, c.Value)
}
