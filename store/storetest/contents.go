package storetest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/statemachine"
)

func testEmpty(t *testing.T, open Open) {
	s, reopen := open(t)
	for range 2 {
		WantMarker(t, s, statemachine.Marker{})
		WantState(t, s, 0)
		WantWindow(t, s, 0, 0)
		WantNext(t, s, 128, VersionAt(128, 0))
		if b, err := s.SavedSnapshot(); err != nil || b != nil {
			t.Fatalf("a snapshot in an empty store: %d bytes, %v", len(b), err)
		}
		s = reopen()
	}
}

// States at all versions stay as they were while newer ones are written (R55).
func testVersions(t *testing.T, open Open) {
	s, reopen := open(t)
	v1, v2, v3 := VersionAt(128, 0), VersionAt(256, 0), VersionAt(384, 0)
	apply(t, s, v1, Set("", "the empty key"), Set("a", "1"), Set("b", "1"), Set("c", ""))
	apply(t, s, v2, Set("a", "2"), Delete("b"), Set("d", "2"), Delete("e"))
	apply(t, s, v3, Set("b", "3"), Delete("d"))
	for range 2 {
		WantMarker(t, s, MarkerAt(v3))
		WantState(t, s, 0)
		WantState(t, s, v1, Set("", "the empty key"), Set("a", "1"), Set("b", "1"), Set("c", ""))
		WantState(t, s, v1+100, Set("", "the empty key"), Set("a", "1"), Set("b", "1"), Set("c", ""))
		WantState(t, s, v2, Set("", "the empty key"), Set("a", "2"), Set("c", ""), Set("d", "2"))
		WantState(t, s, v3, Set("", "the empty key"), Set("a", "2"), Set("b", "3"), Set("c", ""))
		s = reopen()
	}
	// A checkpoint without changes.
	apply(t, s, VersionAt(512, 0))
	WantMarker(t, s, MarkerAt(VersionAt(512, 0)))
	WantState(t, reopen(), VersionAt(512, 0), Set("", "the empty key"), Set("a", "2"), Set("b", "3"), Set("c", ""))
}

func testScan(t *testing.T, open Open) {
	s, _ := open(t)
	keys := []string{"", "\x00", "a", "a\x00", "a\xff", "b", "m", "\xff", "\xff\xff"}
	var all []statemachine.Change
	for _, k := range keys {
		all = append(all, Set(k, "value of "+k))
	}
	v := VersionAt(128, 0)
	apply(t, s, v, all...)
	WantState(t, s, v, all...)
	bounds := []struct {
		start, end []byte
		want       []string
	}{
		{nil, nil, keys},
		{nil, []byte{}, nil},
		{[]byte{}, []byte("a"), keys[:2]},
		{[]byte("a"), []byte("b"), []string{"a", "a\x00", "a\xff"}},
		{[]byte("a\x00"), nil, keys[3:]},
		{[]byte("c"), []byte("a"), nil},
		{[]byte("n"), []byte("o"), nil},
		{[]byte("\xff"), []byte("\xff\xff"), []string{"\xff"}},
	}
	for _, b := range bounds {
		var got []string
		if err := s.Scan(b.start, b.end, v, func(k, _ []byte) bool { got = append(got, string(k)); return true }); err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, "|") != strings.Join(b.want, "|") {
			t.Errorf("scan from %q to %q: %q; want %q", b.start, b.end, got, b.want)
		}
	}
	var got []string
	err := s.Scan(nil, nil, v, func(k, _ []byte) bool {
		// A read inside a scan is how an application follows a reference.
		if value, found, err := s.Read(k, v); err != nil || !found || string(value) != "value of "+string(k) {
			t.Fatalf("read %q inside a scan: %q, %v, %v", k, value, found, err)
		}
		got = append(got, string(k))
		return len(got) < 3
	})
	if err != nil || len(got) != 3 {
		t.Errorf("a scan that was told to stop after 3 gave %q, %v", got, err)
	}
}

// What a caller does with its slices afterwards changes nothing in the store.
func testOwnership(t *testing.T, open Open) {
	s, _ := open(t)
	v := VersionAt(128, 0)
	c := Set("key", "value")
	snapshot := []byte("snapshot")
	apply(t, s, v, c)
	if err := s.SaveSnapshot(snapshot); err != nil {
		t.Fatal(err)
	}
	scribble(c.Key, c.Value, snapshot)
	WantState(t, s, v, Set("key", "value"))
	value, _, err := s.Read([]byte("key"), v)
	if err != nil {
		t.Fatal(err)
	}
	window, err := s.Window(0, v)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := s.SavedSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	scribble(value, window[0].Key, window[0].Value, saved)
	WantState(t, s, v, Set("key", "value"))
	WantWindow(t, s, 0, v, Set("key", "value"))
	if saved, err = s.SavedSnapshot(); err != nil || string(saved) != "snapshot" {
		t.Fatalf("snapshot is %q, %v", saved, err)
	}
	// The source of an installation may reuse its buffers with each call.
	left := []statemachine.Change{Set("a", "1"), Set("b", "2"), Set("c", "3")}
	var key, value2 []byte
	m, err := s.Install(256, MarkerAt(VersionAt(256, 0)).Chain, statemachine.AllPartitions(), func() (c statemachine.Change, ok bool, err error) {
		scribble(key, value2)
		if len(left) == 0 {
			return c, false, nil
		}
		c, left = left[0], left[1:]
		key, value2 = append(key[:0], c.Key...), append(value2[:0], c.Value...)
		return statemachine.Change{Key: key, Value: value2}, true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	WantState(t, s, m.Version, Set("a", "1"), Set("b", "2"), Set("c", "3"))
}

func scribble(slices ...[]byte) {
	for _, s := range slices {
		for i := range s {
			s[i] ^= 0x55
		}
	}
}

func testRefusals(t *testing.T, open Open) {
	s, _ := open(t)
	v := VersionAt(256, 3)
	apply(t, s, v, Set("a", "1"))
	for _, bad := range []statemachine.Version{0, 1, VersionAt(128, 0), v - 1, v} {
		WantErr(t, "apply not above the marker", s.Apply([]statemachine.Change{Set("a", "2")}, MarkerAt(bad)), statemachine.ErrVersion)
	}
	for name, bad := range map[string][]statemachine.Change{
		"not sorted":            {Set("b", "2"), Set("a", "2")},
		"a key twice":           {Set("a", "2"), Set("a", "2")},
		"a deletion with value": {{Key: []byte("a"), Value: []byte("2"), Deleted: true}},
	} {
		if err := s.Apply(bad, MarkerAt(VersionAt(384, 0))); err == nil {
			t.Errorf("changes with %s were applied", name)
		}
	}
	_, _, err := s.Read([]byte("a"), v+1)
	WantErr(t, "read above the marker", err, statemachine.ErrVersion)
	err = s.Scan(nil, nil, v+1, func(_, _ []byte) bool { t.Error("a scan above the marker yielded"); return false })
	WantErr(t, "scan above the marker", err, statemachine.ErrVersion)
	_, err = s.Window(0, v+1)
	WantErr(t, "window above the marker", err, statemachine.ErrVersion)
	_, err = s.Next(255)
	WantErr(t, "next below the marker", err, statemachine.ErrVersion)
	_, err = s.Install(255, MarkerAt(v).Chain, statemachine.AllPartitions(), list())
	WantErr(t, "install below the marker", err, statemachine.ErrVersion)
	WantNext(t, s, 256, v+1)
	WantMarker(t, s, MarkerAt(v))
	WantState(t, s, v, Set("a", "1"))
	apply(t, s, VersionAt(384, 0), Set("a", "2")) // refusals are not final
}

func testSnapshot(t *testing.T, open Open) {
	s, reopen := open(t)
	for _, size := range []int{10, 1 << 20, 600 << 10, 1, 512 << 10, 0} {
		want := bytes.Repeat([]byte{byte(size >> 8), 1, 2}, size/3+1)[:size]
		if err := s.SaveSnapshot(want); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			got, err := s.SavedSnapshot()
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("saved a snapshot of %d bytes and got %d, %v", size, len(got), err)
			}
			s = reopen()
		}
	}
	if err := s.SaveSnapshot(make([]byte, 1<<20+1)); err == nil {
		t.Error("a snapshot of more than 1 MiB was saved")
	}
	WantMarker(t, s, statemachine.Marker{})
	WantState(t, s, 0)
}
