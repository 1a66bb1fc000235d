package kv

import (
	"bytes"
	"errors"

	"golang.org/x/crypto/cryptobyte"
)

// A code says what an operation does. Numbers are part of the wire format.
type code uint8

const (
	codePut       code = 1
	codeGet       code = 2
	codeDelete    code = 3
	codeCompare   code = 4
	codeIncrement code = 5
	codeScan      code = 6
	codeAtomic    code = 7
)

// Limits of the format.
const (
	KeyBytesMax    = 1<<16 - 1
	ValueBytesMax  = 1<<24 - 1
	ScanCountMax   = 4096 // entries that one scan returns
	AtomicCountMax = 1024 // operations in an atomic one
)

// A Value is a value that may be missing.
type Value struct {
	Bytes   []byte
	Present bool
}

// Some returns a present value.
func Some(value []byte) Value { return Value{Bytes: value, Present: true} }

// Missing is the absence of a value.
var Missing = Value{}

func (v Value) equal(other Value) bool {
	return v.Present == other.Present && bytes.Equal(v.Bytes, other.Bytes)
}

// operation is any operation in decoded form.
type operation struct {
	code   code
	key    []byte // or start of a scan
	value  []byte
	old    Value // compare
	new    Value // compare
	delta  int64
	end    Value // of a scan
	limit  uint32
	atomic []operation
}

// Put sets a key. Its result is empty.
func Put(key, value []byte) []byte { return operation{code: codePut, key: key, value: value}.marshal() }

// Get returns the value of a key: DecodeGet reads the result.
func Get(key []byte) []byte { return operation{code: codeGet, key: key}.marshal() }

// Delete removes a key: DecodeDelete says whether there was one.
func Delete(key []byte) []byte { return operation{code: codeDelete, key: key}.marshal() }

// CompareAndSet replaces what stands under a key, if it is old, by new; either may
// be Missing. DecodeCompare says whether it was, and what stood there. In an
// Atomic operation, another value than old ends the whole without effect.
func CompareAndSet(key []byte, old, new Value) []byte {
	return operation{code: codeCompare, key: key, old: old, new: new}.marshal()
}

// Increment adds delta to the decimal number under a key, which is 0 if there is
// none: DecodeIncrement returns the sum. What is not a number of 64 bits, or would
// be none any more, is an error.
func Increment(key []byte, delta int64) []byte {
	return operation{code: codeIncrement, key: key, delta: delta}.marshal()
}

// Scan returns up to limit entries with keys in [start, end), ascending; a Missing
// end is no bound. The result is cut at the group's limit, or that of the request:
// DecodeScan says whether there is more.
func Scan(start []byte, end Value, limit int) []byte {
	return operation{code: codeScan, key: start, end: end, limit: uint32(min(max(limit, 1), ScanCountMax))}.marshal()
}

// ScanPrefix is Scan over the keys that begin with prefix.
func ScanPrefix(prefix []byte, limit int) []byte {
	return Scan(prefix, PrefixEnd(prefix), limit)
}

// PrefixEnd returns the lowest key above all that begin with prefix, Missing if
// there is none: the end of a Scan over them.
func PrefixEnd(prefix []byte) Value {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			end := bytes.Clone(prefix[:i+1])
			end[i]++
			return Some(end)
		}
	}
	return Missing
}

// Atomic joins operations that take effect together or not at all: DecodeAtomic
// splits the result. Each of them is what one of the functions above returned.
func Atomic(operations ...[]byte) []byte {
	b := cryptobyte.NewBuilder(nil)
	b.AddUint8(uint8(codeAtomic))
	b.AddUint16(uint16(len(operations)))
	for _, op := range operations {
		b.AddBytes(op)
	}
	return b.BytesOrPanic()
}

// marshal returns the one encoding of an operation. What does not fit the format
// comes out as bytes that Apply refuses.
func (o operation) marshal() []byte {
	b := cryptobyte.NewBuilder(make([]byte, 0, 16+len(o.key)+len(o.value)+len(o.old.Bytes)+len(o.new.Bytes)+len(o.end.Bytes)))
	b.AddUint8(uint8(o.code))
	addBytes16(b, o.key)
	switch o.code {
	case codePut:
		addBytes24(b, o.value)
	case codeCompare:
		addValue(b, o.old)
		addValue(b, o.new)
	case codeIncrement:
		b.AddUint64(uint64(o.delta))
	case codeScan:
		addValue(b, o.end)
		b.AddUint32(o.limit)
	case codeGet, codeDelete: // a key is all they have
	case codeAtomic: // Atomic joins encodings
	}
	out, err := b.Bytes()
	if err != nil {
		return nil
	}
	return out
}

func addBytes16(b *cryptobyte.Builder, v []byte) {
	if len(v) > KeyBytesMax {
		b.SetError(errLong)
		return
	}
	b.AddUint16(uint16(len(v)))
	b.AddBytes(v)
}

func addBytes24(b *cryptobyte.Builder, v []byte) {
	if len(v) > ValueBytesMax {
		b.SetError(errLong)
		return
	}
	b.AddUint24(uint32(len(v)))
	b.AddBytes(v)
}

func addValue(b *cryptobyte.Builder, v Value) {
	if !v.Present {
		b.AddUint8(0)
		return
	}
	b.AddUint8(1)
	addBytes24(b, v.Bytes)
}

var errLong = errors.New("kv: key or value longer than the format allows")

// readOperation reads one operation. Atomic ones do not nest.
func readOperation(s *cryptobyte.String, nested bool) (o operation, ok bool) {
	var c uint8
	if !s.ReadUint8(&c) {
		return o, false
	}
	o.code = code(c)
	if o.code == codeAtomic {
		return readAtomic(s, o, nested)
	}
	var key cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&key) {
		return o, false
	}
	o.key = key
	switch o.code {
	case codePut:
		var value cryptobyte.String
		ok = s.ReadUint24LengthPrefixed(&value)
		o.value = value
	case codeGet, codeDelete:
		ok = true
	case codeCompare:
		ok = readValue(s, &o.old) && readValue(s, &o.new)
	case codeIncrement:
		var delta uint64
		ok = s.ReadUint64(&delta)
		o.delta = int64(delta)
	case codeScan:
		ok = readValue(s, &o.end) && s.ReadUint32(&o.limit) && o.limit >= 1 && o.limit <= ScanCountMax
	case codeAtomic: // read above
	}
	return o, ok
}

func readAtomic(s *cryptobyte.String, o operation, nested bool) (operation, bool) {
	var count uint16
	if nested || !s.ReadUint16(&count) || count == 0 || count > AtomicCountMax {
		return o, false
	}
	for range count {
		part, ok := readOperation(s, true)
		if !ok {
			return o, false
		}
		o.atomic = append(o.atomic, part)
	}
	return o, true
}

func readValue(s *cryptobyte.String, v *Value) bool {
	var present uint8
	if !s.ReadUint8(&present) || present > 1 {
		return false
	}
	if present == 0 {
		return true
	}
	var value cryptobyte.String
	ok := s.ReadUint24LengthPrefixed(&value)
	*v = Some(value)
	return ok
}

// decode reads an operation that fills op exactly.
func decode(op []byte) (operation, bool) {
	s := cryptobyte.String(op)
	o, ok := readOperation(&s, false)
	return o, ok && s.Empty()
}
