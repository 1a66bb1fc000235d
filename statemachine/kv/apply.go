package kv

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/statemachine"
)

// Errors of operations. Their texts are results, and so part of the replicated
// state.
var (
	errForm     = errors.New("not an operation of the key-value service")
	errReadOnly = errors.New("a query may only read and scan")
	errNumber   = errors.New("the value is not a decimal number of 64 bits")
	errRoom     = errors.New("the first entry is longer than the result may be: scan in a request of its own, or get the key")
	errOverflow = errors.New("the sum does not fit into 64 bits")
)

// New returns the service.
func New() statemachine.Application { return service{} }

type service struct{}

// Apply implements statemachine.Application.
func (service) Apply(w statemachine.Writer, op []byte) ([]byte, error) {
	o, ok := decode(op)
	if !ok {
		return nil, errForm
	}
	b := new(cryptobyte.Builder)
	if o.code != codeAtomic {
		if _, err := apply(w, &o, b, int(w.ResultBytesMax())); err != nil {
			return nil, err
		}
		return b.Bytes()
	}
	room := int(w.ResultBytesMax())
	err := atomic(&o, b, room, func(part *operation, b *cryptobyte.Builder, room int) error {
		swapped, err := apply(w, part, b, room)
		if err == nil && !swapped {
			err = fmt.Errorf("another value under key %q", part.key)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return b.Bytes()
}

// Query implements statemachine.Application.
func (service) Query(r statemachine.Reader, op []byte) ([]byte, error) {
	o, ok := decode(op)
	if !ok {
		return nil, errForm
	}
	b := new(cryptobyte.Builder)
	room := int(r.ResultBytesMax())
	var err error
	if o.code == codeAtomic {
		err = atomic(&o, b, room, func(part *operation, b *cryptobyte.Builder, room int) error {
			return query(r, part, b, room)
		})
	} else {
		err = query(r, &o, b, room)
	}
	if err != nil {
		return nil, err
	}
	return b.Bytes()
}

// atomic runs the parts of an operation and joins their results.
func atomic(o *operation, b *cryptobyte.Builder, room int, run func(*operation, *cryptobyte.Builder, int) error) error {
	for i := range o.atomic {
		part := new(cryptobyte.Builder)
		room -= 3
		if err := run(&o.atomic[i], part, room); err != nil {
			return fmt.Errorf("operation %d: %w", i, err)
		}
		result, err := part.Bytes()
		if err != nil {
			return err
		}
		room -= len(result)
		b.AddUint24(uint32(len(result)))
		b.AddBytes(result)
	}
	return nil
}

// apply executes one operation, and reports whether a comparison held.
func apply(w statemachine.Writer, o *operation, b *cryptobyte.Builder, room int) (held bool, err error) {
	switch o.code {
	case codePut:
		w.Set(o.key, o.value)
	case codeDelete:
		_, found := w.Read(o.key)
		if found {
			w.Delete(o.key)
		}
		addBool(b, found)
	case codeCompare:
		now := valueOf(w, o.key)
		held = now.equal(o.old)
		if held {
			set(w, o.key, o.new)
		}
		addBool(b, held)
		addValue(b, now)
		return held, nil
	case codeIncrement:
		sum, err := increment(valueOf(w, o.key), o.delta)
		if err != nil {
			return false, err
		}
		w.Set(o.key, strconv.AppendInt(nil, sum, 10))
		b.AddUint64(uint64(sum))
	default:
		return true, query(w, o, b, room)
	}
	return true, nil
}

// query executes an operation that only reads.
func query(r statemachine.Reader, o *operation, b *cryptobyte.Builder, room int) error {
	switch o.code {
	case codeGet:
		addValue(b, valueOf(r, o.key))
	case codeScan:
		return scan(r, o, b, room)
	default:
		return errReadOnly
	}
	return nil
}

// scan adds entries until the limit, or the room that the result has. The first
// byte says whether there are more.
func scan(r statemachine.Reader, o *operation, b *cryptobyte.Builder, room int) error {
	entries := new(cryptobyte.Builder)
	more := false
	count := uint32(0)
	room -= 1 + 4
	var end []byte
	if o.end.Present {
		end = o.end.Bytes
		if end == nil {
			end = []byte{}
		}
	}
	r.Scan(o.key, end, func(key, value []byte) bool {
		room -= 2 + len(key) + 3 + len(value)
		if count == o.limit || room < 0 {
			more = true
			return false
		}
		count++
		addBytes16(entries, key)
		addBytes24(entries, value)
		return true
	})
	if more && count == 0 {
		return errRoom // else a reader of pages would never get on
	}
	addBool(b, more)
	b.AddUint32(count)
	b.AddBytes(entries.BytesOrPanic())
	return nil
}

func valueOf(r statemachine.Reader, key []byte) Value {
	value, found := r.Read(key)
	if !found {
		return Missing
	}
	return Some(value)
}

func set(w statemachine.Writer, key []byte, v Value) {
	if v.Present {
		w.Set(key, v.Bytes)
	} else {
		w.Delete(key)
	}
}

// increment adds to a number in its one decimal form.
func increment(v Value, delta int64) (int64, error) {
	var n int64
	if v.Present {
		var err error
		n, err = strconv.ParseInt(string(v.Bytes), 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != string(v.Bytes) {
			return 0, errNumber
		}
	}
	if delta > 0 && n > math.MaxInt64-delta || delta < 0 && n < math.MinInt64-delta {
		return 0, errOverflow
	}
	return n + delta, nil
}

func addBool(b *cryptobyte.Builder, v bool) {
	if v {
		b.AddUint8(1)
	} else {
		b.AddUint8(0)
	}
}
