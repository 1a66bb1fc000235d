package statemachine

import (
	"slices"

	"github.com/tidwall/btree"

	"github.com/varangian-bft/varangian/consensus"
)

// A cell is the last write to one key in one window. Its value is never changed
// in place.
type cell struct {
	value   []byte
	deleted bool
}

// A layer is the net changes of one window.
type layer struct {
	sequence consensus.Sequence // the checkpoint that closes it; 0 while it is open
	cells    *btree.Map[string, cell]
}

// An overlay is the state in the store at a version, under the windows that are
// not stored yet, newest last. The last one is open.
type overlay struct {
	store    Store
	at       Version
	layers   []layer
	undo     []undo
	scanning int
	shared   bool // a running scan reads the open layer's map
}

// An undo takes one write to the open layer back.
type undo struct {
	key     string
	cell    cell
	existed bool
}

func newOverlay(store Store, at Version) overlay {
	o := overlay{store: store, at: at}
	o.open()
	return o
}

// open begins a window.
func (o *overlay) open() { o.layers = append(o.layers, layer{cells: new(btree.Map[string, cell])}) }

// close ends the open window at s, and returns its changes, sorted by key.
func (o *overlay) close(s consensus.Sequence) []Change {
	l := &o.layers[len(o.layers)-1]
	l.sequence = s
	changes := make([]Change, 0, l.cells.Len())
	l.cells.Scan(func(key string, c cell) bool {
		changes = append(changes, Change{Key: []byte(key), Value: c.value, Deleted: c.deleted})
		return true
	})
	o.open()
	return changes
}

// flushed drops the windows that the store holds at v.
func (o *overlay) flushed(v Version) {
	n := 0
	for n < len(o.layers)-1 && o.layers[n].sequence <= v.Sequence() {
		n++
	}
	o.layers = slices.Delete(o.layers, 0, n)
	o.at = v
}

// put writes to the open window, and notes how to take it back. A scan that is
// under way goes on in the map as it was when it began.
func (o *overlay) put(key string, c cell) {
	l := &o.layers[len(o.layers)-1]
	if o.scanning > 0 && o.shared {
		l.cells = l.cells.Copy()
		o.shared = false
	}
	old, existed := l.cells.Set(key, c)
	o.undo = append(o.undo, undo{key: key, cell: old, existed: existed})
}

// keep makes the writes since the last keep or rollback final.
func (o *overlay) keep() {
	clear(o.undo)
	o.undo = o.undo[:0]
}

// rollback takes them back.
func (o *overlay) rollback() {
	cells := o.layers[len(o.layers)-1].cells
	for i := len(o.undo) - 1; i >= 0; i-- {
		u := &o.undo[i]
		if u.existed {
			cells.Set(u.key, u.cell)
		} else {
			cells.Delete(u.key)
		}
	}
	o.keep()
}

// read returns the newest value of a full key.
func (o *overlay) read(key []byte) ([]byte, bool, error) {
	for i := len(o.layers) - 1; i >= 0; i-- {
		if cells := o.layers[i].cells; cells.Len() > 0 {
			if c, ok := cells.Get(string(key)); ok {
				return c.value, !c.deleted, nil
			}
		}
	}
	return o.store.Read(key, o.at)
}

// scan calls yield for each key in [start, end), ascending, with its newest value
// at the time of the call, until yield returns false. A panic of yield does not
// pass through the store.
func (o *overlay) scan(start, end []byte, yield func(key, value []byte) bool) error {
	c := o.cursor(string(start), end)
	o.scanning++
	o.shared = true
	defer func() { o.scanning-- }()
	more := true
	var thrown any
	guarded := func(key, value []byte) bool {
		defer func() {
			if p := recover(); p != nil {
				thrown, more = p, false
			}
		}()
		for more && c.ok && c.key < string(key) {
			more = c.emit(yield)
		}
		switch {
		case !more:
		case c.ok && c.key == string(key):
			more = c.emit(yield)
		default:
			more = yield(key, value)
		}
		return more
	}
	if err := o.store.Scan(start, end, o.at, guarded); err != nil {
		return err
	}
	if thrown != nil {
		panic(thrown)
	}
	for more && c.ok {
		more = c.emit(yield)
	}
	return nil
}

// A cursor walks through all windows as if they were one, in which the newer
// write of a key hides the older one.
type cursor struct {
	iters []btree.MapIter[string, cell] // those not at their end, newest first
	end   []byte
	key   string
	cell  cell
	ok    bool
}

func (o *overlay) cursor(start string, end []byte) *cursor {
	c := &cursor{end: end}
	for i := len(o.layers) - 1; i >= 0; i-- {
		if it := o.layers[i].cells.Iter(); it.Seek(start) {
			c.iters = append(c.iters, it)
		}
	}
	c.next()
	return c
}

// next moves to the lowest key that stands in any window.
func (c *cursor) next() {
	c.ok = false
	for i := range c.iters {
		if key := c.iters[i].Key(); !c.ok || key < c.key {
			c.ok, c.key, c.cell = true, key, c.iters[i].Value()
		}
	}
	if !c.ok || (c.end != nil && c.key >= string(c.end)) {
		c.ok = false
		return
	}
	live := c.iters[:0]
	for i := range c.iters {
		if c.iters[i].Key() != c.key || c.iters[i].Next() {
			live = append(live, c.iters[i])
		}
	}
	c.iters = live
}

// emit moves on, after it gave the present key to yield unless it is deleted.
func (c *cursor) emit(yield func(key, value []byte) bool) bool {
	key, present := c.key, c.cell
	c.next()
	return present.deleted || yield([]byte(key), present.value)
}
