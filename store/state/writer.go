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
		if err := w.look(w.unseen); err != nil {
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

// look sees to it that there is room for so many bytes, and for the next memtable.
func (w *writer) look(bytes uint64) error {
	if err := w.space.fits(bytes); err != nil {
		return err
	}
	return w.space.claim()
}
