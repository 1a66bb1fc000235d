package history

import (
	"fmt"
	"strconv"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// A kind is what a call does.
type kind uint8

const (
	read kind = iota
	write
	compare // and set
	add     // 1 to a counter
	remove
)

// absent is the state of a key without a value; no value is empty.
const absent = ""

// A call is one operation and what its client was told.
type call struct {
	key    string
	worker int
	kind   kind
	old    string // of compare
	value  string // of write and compare

	began, ended int64 // ns after the start of the book
	outcome      client.Outcome

	// What the client was told.
	found string // read, compare: what stood there
	set   bool   // compare: it was replaced; remove: there was something
	sum   int64  // add
}

func value(s string) kv.Value {
	if s == absent {
		return kv.Missing
	}
	return kv.Some([]byte(s))
}

func text(v kv.Value) string {
	if !v.Present {
		return absent
	}
	return string(v.Bytes)
}

// operation returns the bytes that the group executes.
func (c *call) operation() []byte {
	key := []byte(c.key)
	switch c.kind {
	case read:
		return kv.Get(key)
	case write:
		return kv.Put(key, []byte(c.value))
	case compare:
		return kv.CompareAndSet(key, value(c.old), value(c.value))
	case add:
		return kv.Increment(key, 1)
	case remove:
		return kv.Delete(key)
	}
	panic("history: no such kind of call")
}

// told notes a result.
func (c *call) told(result []byte) error {
	switch c.kind {
	case read:
		v, err := kv.DecodeGet(result)
		c.found = text(v)
		return err
	case compare:
		r, err := kv.DecodeCompare(result)
		c.found, c.set = text(r.Before), r.Set
		return err
	case add:
		var err error
		c.sum, err = kv.DecodeIncrement(result)
		return err
	case remove:
		var err error
		c.set, err = kv.DecodeDelete(result)
		return err
	case write:
		if len(result) != 0 {
			return kv.ErrResult
		}
	}
	return nil
}

// apply says whether a store in a state can have answered as it did, and what the
// state then is. What the client was not told, may be anything.
func (c *call) apply(state string) (possible bool, next string) {
	known := c.outcome == client.OutcomeYes
	switch c.kind {
	case read:
		return !known || c.found == state, state
	case write:
		return true, c.value
	case compare:
		set := state == c.old
		if set {
			return !known || c.set && c.found == state, c.value
		}
		return !known || !c.set && c.found == state, state
	case add:
		n, err := strconv.ParseInt("0"+state, 10, 64) // what is absent counts as 0
		sum := n + 1
		return err == nil && (!known || c.sum == sum), strconv.FormatInt(sum, 10)
	case remove:
		return !known || c.set == (state != absent), absent
	}
	panic("history: no such kind of call")
}

func (c *call) String() string {
	name := [...]string{"read", "write", "compare", "add", "remove"}[c.kind]
	s := fmt.Sprintf("%s %s by worker %d", name, c.key, c.worker)
	if c.kind == compare {
		s += fmt.Sprintf(" %q with", c.old)
	}
	if c.value != "" {
		s += fmt.Sprintf(" %q", c.value)
	}
	if c.outcome != client.OutcomeYes {
		return s + ": no answer"
	}
	return s + fmt.Sprintf(": found %q, set %v, sum %d", c.found, c.set, c.sum)
}
