package kv

import (
	"bytes"
	"testing"
)

func seeds(f *testing.F) {
	for _, op := range [][]byte{
		Put([]byte("k"), []byte("v")), Get([]byte("k")), Delete(nil), CompareAndSet([]byte("k"), Missing, Some([]byte("v"))),
		Increment([]byte("k"), -1), Scan([]byte("a"), Some([]byte("b")), 10), Atomic(Get([]byte("k")), Put(nil, nil)), nil,
	} {
		f.Add(op)
	}
}

// An operation has exactly one encoding.
func FuzzDecodeOperation(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		o, ok := decode(b)
		if !ok {
			return
		}
		again := o.marshal()
		if o.code == codeAtomic {
			var parts [][]byte
			for _, p := range o.atomic {
				parts = append(parts, p.marshal())
			}
			again = Atomic(parts...)
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%x decodes, but encodes to %x", b, again)
		}
	})
}

// Results come from replicas that may lie: decoders take any bytes.
func FuzzDecodeResults(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 1, 0, 1, 'k', 0, 0, 1, 'v'})
	f.Add([]byte{1, 0, 0, 1, 'v'})
	f.Add([]byte{0, 0, 1, 'v'})
	f.Fuzz(func(t *testing.T, b []byte) {
		total := 0
		if p, err := DecodeScan(b); err == nil {
			for _, e := range p.Entries {
				total += len(e.Key) + len(e.Value) + 5
			}
			if total+5 != len(b) {
				t.Errorf("%d of %d bytes", total+5, len(b))
			}
		}
		if parts, err := DecodeAtomic(b); err == nil && len(bytes.Join(parts, make([]byte, 3)))+3 != len(b) {
			t.Errorf("%d parts of %d bytes", len(parts), len(b))
		}
		if v, err := DecodeGet(b); err == nil && v.Present && len(v.Bytes)+4 != len(b) {
			t.Errorf("value of %d bytes", len(v.Bytes))
		}
		_, _ = DecodeCompare(b)
		_, _ = DecodeDelete(b)
		_, _ = DecodeIncrement(b)
	})
}
