package kv

import (
	"errors"

	"golang.org/x/crypto/cryptobyte"
)

// ErrResult says that bytes are not the result of the operation that a decoder
// is for.
var ErrResult = errors.New("kv: not the result of such an operation")

// DecodeGet reads the result of Get. Slices that decoders return are parts of
// the result.
func DecodeGet(result []byte) (Value, error) {
	s := cryptobyte.String(result)
	var v Value
	if !readValue(&s, &v) || !s.Empty() {
		return Value{}, ErrResult
	}
	return v, nil
}

// DecodeDelete reads the result of Delete: whether there was a value.
func DecodeDelete(result []byte) (found bool, err error) {
	s := cryptobyte.String(result)
	if !readBool(&s, &found) || !s.Empty() {
		return false, ErrResult
	}
	return found, nil
}

// A Comparison is the result of CompareAndSet.
type Comparison struct {
	Set    bool  // what stood there was the old value, and was replaced
	Before Value // what stood there
}

// DecodeCompare reads the result of CompareAndSet.
func DecodeCompare(result []byte) (Comparison, error) {
	s := cryptobyte.String(result)
	var c Comparison
	if !readBool(&s, &c.Set) || !readValue(&s, &c.Before) || !s.Empty() {
		return Comparison{}, ErrResult
	}
	return c, nil
}

// DecodeIncrement reads the result of Increment: the sum.
func DecodeIncrement(result []byte) (int64, error) {
	s := cryptobyte.String(result)
	var sum uint64
	if !s.ReadUint64(&sum) || !s.Empty() {
		return 0, ErrResult
	}
	return int64(sum), nil
}

// An Entry is a key with its value.
type Entry struct{ Key, Value []byte }

// A Page is the result of Scan. If More, the next page starts at After().
type Page struct {
	Entries []Entry
	More    bool
}

// After returns the lowest key above the last one of the page, which is the start
// of the next page. It is empty for a page without entries.
func (p Page) After() []byte {
	if len(p.Entries) == 0 {
		return nil
	}
	last := p.Entries[len(p.Entries)-1].Key
	return append(append(make([]byte, 0, len(last)+1), last...), 0)
}

// DecodeScan reads the result of Scan.
func DecodeScan(result []byte) (Page, error) {
	s := cryptobyte.String(result)
	var p Page
	var count uint32
	if !readBool(&s, &p.More) || !s.ReadUint32(&count) || count > ScanCountMax {
		return Page{}, ErrResult
	}
	for range count {
		var key, value cryptobyte.String
		if !s.ReadUint16LengthPrefixed(&key) || !s.ReadUint24LengthPrefixed(&value) {
			return Page{}, ErrResult
		}
		p.Entries = append(p.Entries, Entry{Key: key, Value: value})
	}
	if !s.Empty() {
		return Page{}, ErrResult
	}
	return p, nil
}

// DecodeAtomic splits the result of Atomic into those of its operations.
func DecodeAtomic(result []byte) ([][]byte, error) {
	s := cryptobyte.String(result)
	var out [][]byte
	for !s.Empty() {
		var part cryptobyte.String
		if len(out) == AtomicCountMax || !s.ReadUint24LengthPrefixed(&part) {
			return nil, ErrResult
		}
		out = append(out, part)
	}
	if len(out) == 0 {
		return nil, ErrResult
	}
	return out, nil
}

func readBool(s *cryptobyte.String, v *bool) bool {
	var b uint8
	ok := s.ReadUint8(&b) && b <= 1
	*v = b == 1
	return ok
}
