package kv_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// space is a key space in a map, with a limit on results.
type space struct {
	values map[string]string
	room   uint64
}

func newSpace() *space { return &space{values: map[string]string{}, room: 1 << 20} }

func (s *space) Read(key []byte) ([]byte, bool) { v, ok := s.values[string(key)]; return []byte(v), ok }
func (s *space) Set(key, value []byte)          { s.values[string(key)] = string(value) }
func (s *space) Delete(key []byte)              { delete(s.values, string(key)) }
func (s *space) ResultBytesMax() uint64         { return s.room }
func (s *space) Sequence() consensus.Sequence   { return 1 }
func (s *space) Time() consensus.Time           { return 1 }
func (s *space) Client() consensus.ClientID     { return consensus.ClientID{} }

func (s *space) Scan(start, end []byte, yield func(key, value []byte) bool) {
	var keys []string
	for k := range s.values {
		if k >= string(start) && (end == nil || k < string(end)) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		if !yield([]byte(k), []byte(s.values[k])) {
			return
		}
	}
}

// apply executes an operation, and rolls it back if it is refused, as the
// framework does.
func (s *space) apply(t rapid.TB, op []byte) []byte {
	t.Helper()
	result, err := kv.New().Apply(s, op)
	if err != nil {
		t.Fatal(err)
	}
	if uint64(len(result)) > s.room {
		t.Fatalf("a result of %d bytes; there is room for %d", len(result), s.room)
	}
	return result
}

func must[T any](t rapid.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func equal[T comparable](t rapid.TB, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func text(v kv.Value) string { return fmt.Sprintf("%v %s", v.Present, v.Bytes) }

func TestOperations(t *testing.T) {
	s := newSpace()
	get := func(key string) string { return text(must[kv.Value](t)(kv.DecodeGet(s.apply(t, kv.Get([]byte(key)))))) }
	remove := func(key string) bool { return must[bool](t)(kv.DecodeDelete(s.apply(t, kv.Delete([]byte(key))))) }
	compare := func(key string, old, new kv.Value) string {
		c := must[kv.Comparison](t)(kv.DecodeCompare(s.apply(t, kv.CompareAndSet([]byte(key), old, new))))
		return fmt.Sprintf("%v %s", c.Set, text(c.Before))
	}
	add := func(key string, delta int64) int64 {
		return must[int64](t)(kv.DecodeIncrement(s.apply(t, kv.Increment([]byte(key), delta))))
	}
	equal(t, get("a"), "false ")
	equal(t, len(s.apply(t, kv.Put([]byte("a"), []byte("1x")))), 0)
	equal(t, get("a"), "true 1x")
	s.apply(t, kv.Put(nil, nil))
	equal(t, get(""), "true ")
	equal(t, remove("a"), true)
	equal(t, remove("a"), false)
	equal(t, compare("a", kv.Some(nil), kv.Some([]byte("n"))), "false false ") // empty is not missing
	equal(t, compare("a", kv.Missing, kv.Some([]byte("n"))), "true false ")
	equal(t, compare("a", kv.Some([]byte("m")), kv.Missing), "false true n")
	equal(t, compare("a", kv.Some([]byte("n")), kv.Missing), "true true n")
	equal(t, get("a"), "false ")
	equal(t, add("n", 5), 5)
	equal(t, add("n", -7), -2)
	equal(t, get("n"), "true -2")
	equal(t, add("n", math.MinInt64+2), math.MinInt64)
}

// What is refused has a text, and what it wrote is the framework's to roll back.
func TestRefusals(t *testing.T) {
	s := newSpace()
	s.values = map[string]string{"text": "12x", "zero": "012", "plus": "+1", "max": "9223372036854775807", "min": "-9223372036854775808", "huge": "9223372036854775808"}
	put, get := kv.Put([]byte("p"), []byte("v")), kv.Get([]byte("p"))
	cases := []struct {
		name string
		op   []byte
		want string
	}{
		{"text", kv.Increment([]byte("text"), 1), "not a decimal"},
		{"leading zero", kv.Increment([]byte("zero"), 1), "not a decimal"},
		{"plus", kv.Increment([]byte("plus"), 1), "not a decimal"},
		{"too large a number", kv.Increment([]byte("huge"), -1), "not a decimal"},
		{"overflow", kv.Increment([]byte("max"), 1), "does not fit"},
		{"underflow", kv.Increment([]byte("min"), -1), "does not fit"},
		{"least from least", kv.Increment([]byte("min"), math.MinInt64), "does not fit"},
		{"empty", nil, "not an operation"},
		{"unknown code", []byte{9, 0, 0}, "not an operation"},
		{"trailing byte", append(bytes.Clone(put), 0), "not an operation"},
		{"cut", put[:len(put)-1], "not an operation"},
		{"key too long", kv.Put(make([]byte, kv.KeyBytesMax+1), nil), "not an operation"},
		{"nested", kv.Atomic(kv.Atomic(put)), "not an operation"},
		{"nothing", kv.Atomic(), "not an operation"},
		{"too many", kv.Atomic(slices.Repeat([][]byte{get}, kv.AtomicCountMax+1)...), "not an operation"},
		{"limit 0", append(bytes.Clone(kv.Scan(nil, kv.Missing, 1)[:4]), 0, 0, 0, 0), "not an operation"},
		{"presence 2", append(bytes.Clone(kv.Scan(nil, kv.Missing, 1)[:3]), 2, 0, 0, 0, 1), "not an operation"},
		{"comparison in an atomic one", kv.Atomic(put, kv.CompareAndSet([]byte("q"), kv.Some(nil), kv.Missing)), `operation 1: another value under key "q"`},
	}
	for _, c := range cases {
		if result, err := kv.New().Apply(s, c.op); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: result %q, error %v, want %q", c.name, result, err, c.want)
		}
	}
	for _, op := range [][]byte{put, kv.Delete(nil), kv.Increment(nil, 1), kv.CompareAndSet(nil, kv.Missing, kv.Missing), kv.Atomic(get, put)} {
		if _, err := kv.New().Query(s, op); err == nil || !strings.Contains(err.Error(), "only read") {
			t.Errorf("query %x: %v", op, err)
		}
	}
	if _, err := kv.New().Query(s, nil); err == nil {
		t.Error("an empty query was answered")
	}
}

func TestAtomic(t *testing.T) {
	s := newSpace()
	op := kv.Atomic(kv.Put([]byte("a"), []byte("1")), kv.Increment([]byte("a"), 4), kv.Get([]byte("a")),
		kv.CompareAndSet([]byte("a"), kv.Some([]byte("5")), kv.Missing), kv.Delete([]byte("a")), kv.Scan(nil, kv.Missing, 9))
	parts := must[[][]byte](t)(kv.DecodeAtomic(s.apply(t, op)))
	equal(t, len(parts), 6)
	equal(t, len(parts[0]), 0)
	equal(t, must[int64](t)(kv.DecodeIncrement(parts[1])), 5)
	equal(t, text(must[kv.Value](t)(kv.DecodeGet(parts[2]))), "true 5")
	equal(t, must[bool](t)(kv.DecodeDelete(parts[4])), false)
	equal(t, len(must[kv.Page](t)(kv.DecodeScan(parts[5])).Entries), 0)
	s.values["x"] = "y"
	result := must[[]byte](t)(kv.New().Query(s, kv.Atomic(kv.Get([]byte("x")), kv.ScanPrefix([]byte("x"), 3))))
	parts = must[[][]byte](t)(kv.DecodeAtomic(result))
	equal(t, text(must[kv.Value](t)(kv.DecodeGet(parts[0]))), "true y")
}

// Pages of any size put together are the range, and none is longer than the room
// that the framework leaves it (R111).
func TestScanPages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSpace()
		s.values = rapid.MapOf(rapid.StringN(0, 4, 8), rapid.StringN(0, 10, 20)).Draw(t, "values")
		s.room = rapid.Uint64Range(40, 200).Draw(t, "room")
		bound := rapid.StringN(0, 2, 4)
		start, end := []byte(bound.Draw(t, "start")), kv.Missing
		if rapid.Bool().Draw(t, "bounded") {
			end = kv.Some([]byte(bound.Draw(t, "end")))
		}
		limit := rapid.IntRange(1, 7).Draw(t, "limit")
		var want, got []string
		s.Scan(start, end.Bytes, func(k, v []byte) bool { want = append(want, string(k)+"="+string(v)); return true })
		if end.Present && len(end.Bytes) == 0 {
			want = nil
		}
		for {
			p := must[kv.Page](t)(kv.DecodeScan(s.apply(t, kv.Scan(start, end, limit))))
			for _, e := range p.Entries {
				got = append(got, string(e.Key)+"="+string(e.Value))
			}
			if len(p.Entries) > limit {
				t.Fatalf("%d entries, limit %d", len(p.Entries), limit)
			}
			if !p.More {
				break
			}
			start = p.After()
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// Scans that are joined share the room of one result (R111).
func TestAtomicScans(t *testing.T) {
	s := newSpace()
	for i := range byte(20) {
		s.values[string(i)] = "0123456789"
	}
	s.room = 300
	op := kv.Scan(nil, kv.Missing, 9)
	parts := must[[][]byte](t)(kv.DecodeAtomic(s.apply(t, kv.Atomic(op, op))))
	first, second := must[kv.Page](t)(kv.DecodeScan(parts[0])), must[kv.Page](t)(kv.DecodeScan(parts[1]))
	if len(first.Entries) != 9 || len(second.Entries) != 8 || !second.More {
		t.Errorf("%d and %d entries", len(first.Entries), len(second.Entries))
	}
}

func TestScanWithoutRoom(t *testing.T) {
	s := newSpace()
	s.values["k"], s.room = strings.Repeat("v", 100), 100
	if _, err := kv.New().Query(s, kv.Scan(nil, kv.Missing, 1)); err == nil {
		t.Error("a page that ends before its first entry")
	}
}

func TestScanPrefix(t *testing.T) {
	s := newSpace()
	for _, k := range []string{"a", "a\xff", "a\xff\xff", "b", "\xff", "\xff\xff", "\xffa"} {
		s.values[k] = ""
	}
	for prefix, want := range map[string]int{"a": 3, "a\xff": 2, "\xff": 3, "\xff\xff": 1, "": 7, "c": 0} {
		p := must[kv.Page](t)(kv.DecodeScan(s.apply(t, kv.ScanPrefix([]byte(prefix), 100))))
		if len(p.Entries) != want {
			t.Errorf("prefix %q: %d entries, want %d", prefix, len(p.Entries), want)
		}
	}
}
