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
		wantMarker(t, s, statemachine.Marker{})
		wantState(t, s, 0)
		wantWindow(t, s, 0, 0)
		wantNext(t, s, 128, version(128, 0))
		if b, err := s.SavedSnapshot(); err != nil || b != nil {
			t.Fatalf("a snapshot in an empty store: %d bytes, %v", len(b), err)
		}
		s = reopen()
	}
}

// States at all versions stay as they were while newer ones are written (R55).
func testVersions(t *testing.T, open Open) {
	s, reopen := open(t)
	v1, v2, v3 := version(128, 0), version(256, 0), version(384, 0)
	apply(t, s, v1, set("", "the empty key"), set("a", "1"), set("b", "1"), set("c", ""))
	apply(t, s, v2, set("a", "2"), del("b"), set("d", "2"), del("e"))
	apply(t, s, v3, set("b", "3"), del("d"))
	for range 2 {
		wantMarker(t, s, marker(v3))
		wantState(t, s, 0)
		wantState(t, s, v1, set("", "the empty key"), set("a", "1"), set("b", "1"), set("c", ""))
		wantState(t, s, v1+100, set("", "the empty key"), set("a", "1"), set("b", "1"), set("c", ""))
		wantState(t, s, v2, set("", "the empty key"), set("a", "2"), set("c", ""), set("d", "2"))
		wantState(t, s, v3, set("", "the empty key"), set("a", "2"), set("b", "3"), set("c", ""))
		s = reopen()
	}
	// A checkpoint without changes.
	apply(t, s, version(512, 0))
	wantMarker(t, s, marker(version(512, 0)))
	wantState(t, reopen(), version(512, 0), set("", "the empty key"), set("a", "2"), set("b", "3"), set("c", ""))
}

func testScan(t *testing.T, open Open) {
	s, _ := open(t)
	keys := []string{"", "\x00", "a", "a\x00", "a\xff", "b", "m", "\xff", "\xff\xff"}
	var all []statemachine.Change
	for _, k := range keys {
		all = append(all, set(k, "value of "+k))
	}
	v := version(128, 0)
	apply(t, s, v, all...)
	wantState(t, s, v, all...)
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
	v := version(128, 0)
	c := set("key", "value")
	snapshot := []byte("snapshot")
	apply(t, s, v, c)
	if err := s.SaveSnapshot(snapshot); err != nil {
		t.Fatal(err)
	}
	scribble(c.Key, c.Value, snapshot)
	wantState(t, s, v, set("key", "value"))
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
	wantState(t, s, v, set("key", "value"))
	wantWindow(t, s, 0, v, set("key", "value"))
	if saved, err = s.SavedSnapshot(); err != nil || string(saved) != "snapshot" {
		t.Fatalf("snapshot is %q, %v", saved, err)
	}
	// The source of an installation may reuse its buffers with each call.
	left := []statemachine.Change{set("a", "1"), set("b", "2"), set("c", "3")}
	var key, value2 []byte
	m, err := s.Install(256, marker(version(256, 0)).Chain, func() (c statemachine.Change, ok bool, err error) {
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
	wantState(t, s, m.Version, set("a", "1"), set("b", "2"), set("c", "3"))
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
	v := version(256, 3)
	apply(t, s, v, set("a", "1"))
	for _, bad := range []statemachine.Version{0, 1, version(128, 0), v - 1, v} {
		wantErr(t, "apply not above the marker", s.Apply([]statemachine.Change{set("a", "2")}, marker(bad)), statemachine.ErrVersion)
	}
	for name, bad := range map[string][]statemachine.Change{
		"not sorted":            {set("b", "2"), set("a", "2")},
		"a key twice":           {set("a", "2"), set("a", "2")},
		"a deletion with value": {{Key: []byte("a"), Value: []byte("2"), Deleted: true}},
	} {
		if err := s.Apply(bad, marker(version(384, 0))); err == nil {
			t.Errorf("changes with %s were applied", name)
		}
	}
	_, _, err := s.Read([]byte("a"), v+1)
	wantErr(t, "read above the marker", err, statemachine.ErrVersion)
	err = s.Scan(nil, nil, v+1, func(_, _ []byte) bool { t.Error("a scan above the marker yielded"); return false })
	wantErr(t, "scan above the marker", err, statemachine.ErrVersion)
	_, err = s.Window(0, v+1)
	wantErr(t, "window above the marker", err, statemachine.ErrVersion)
	_, err = s.Next(255)
	wantErr(t, "next below the marker", err, statemachine.ErrVersion)
	_, err = s.Install(255, marker(v).Chain, list())
	wantErr(t, "install below the marker", err, statemachine.ErrVersion)
	wantNext(t, s, 256, v+1)
	wantMarker(t, s, marker(v))
	wantState(t, s, v, set("a", "1"))
	apply(t, s, version(384, 0), set("a", "2")) // refusals are not final
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
	wantMarker(t, s, statemachine.Marker{})
	wantState(t, s, 0)
}
