package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/dgraph-io/badger/v4/fb"

	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/storetest"
)

// A layout is where the parts of a table of Badger stand in its file.
type layout struct {
	raw    []byte
	filter int // begin of the filter, which is a part of the index
	index  int
	first  int // begin of a piece in the middle of the table
	end    int
}

// layoutOf reads the layout from the end of the file: index, its size, its checksum,
// the size of that.
func layoutOf(t *testing.T, name string) (l layout) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	at := len(raw) - 4
	at -= int(binary.BigEndian.Uint32(raw[at:])) + 4
	l.index, l.raw = at-int(binary.BigEndian.Uint32(raw[at:])), raw
	index := fb.GetRootAsTableIndex(raw[l.index:at], 0)
	l.filter = l.index + bytes.Index(raw[l.index:at], index.BloomFilterBytes())
	var middle fb.BlockOffset
	if !index.Offsets(&middle, index.OffsetsLength()/2) {
		t.Fatal("the table has no middle")
	}
	l.first = int(middle.Offset())
	l.end = l.first + int(middle.Len())
	return l
}

// offsets returns where the list of offsets of the middle piece begins: before its
// length, a checksum and the size of that.
func (l *layout) offsets() int {
	at := l.offsetsEnd()
	return at - 4*int(binary.BigEndian.Uint32(l.raw[at:]))
}

func (l *layout) offsetsEnd() int {
	at := l.end - 4
	return at - int(binary.BigEndian.Uint32(l.raw[at:])) - 4
}

// second returns where the second entry of the middle piece begins.
func (l *layout) second() int {
	return l.first + int(binary.LittleEndian.Uint32(l.raw[l.offsets()+4:]))
}

// A tableDamage is what a disk does to a table in use.
type tableDamage struct {
	name string
	do   func(l *layout) (at int, with []byte)
	cut  int64 // the file ends here
	scan bool  // a scan notices
}

var ruins = []tableDamage{
	{name: "filter", do: func(l *layout) (int, []byte) { return l.filter, make([]byte, 64) }},
	{name: "index", do: func(l *layout) (int, []byte) {
		// The key that the middle piece begins with: what is sought there is not found.
		key := []byte("dkey ")
		at := l.index + bytes.LastIndex(l.raw[l.index:], key)
		return at, []byte("a")
	}},
	{name: "header of an entry", scan: true, do: func(l *layout) (int, []byte) { return l.second() + 2, []byte{0xff, 0xff} }},
	{name: "header of a piece", scan: true, do: func(l *layout) (int, []byte) { return l.first + 2, []byte{0xff, 0xff} }},
	{name: "offsets", scan: true, do: func(l *layout) (int, []byte) { return l.offsets() + 4, []byte{0xff, 0xff, 0xff, 0x7f} }},
	{name: "count of offsets", do: func(l *layout) (int, []byte) { // the first entry is gone
		count := (l.offsetsEnd() - l.offsets()) / 4
		return l.offsetsEnd(), binary.BigEndian.AppendUint32(nil, uint32(count-1))
	}},
	{name: "order", scan: true, do: func(l *layout) (int, []byte) { return l.second() + 4, []byte{0xff} }},
	{name: "cut", scan: true, cut: 4096},
}

// damaged returns a store with one table, in use, that was damaged.
func damaged(t *testing.T, d tableDamage) *Store {
	t.Helper()
	s := mustOpen(t, t.TempDir())
	mustApply(t, s, v128, thousand()...)
	s = reopen(t, s)
	tables, err := filepath.Glob(filepath.Join(s.space.dir, "*.sst"))
	if err != nil || len(tables) != 1 {
		t.Fatal(tables, err)
	}
	if d.cut > 0 {
		if err := os.Truncate(tables[0], d.cut); err != nil {
			t.Fatal(err)
		}
		return s
	}
	l := layoutOf(t, tables[0])
	at, with := d.do(&l)
	f, err := os.OpenFile(tables[0], os.O_RDWR, 0)
	if err == nil {
		_, err = f.WriteAt(with, int64(at))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return s
}

// thousand is a table with many pieces.
func thousand() (out []statemachine.Change) {
	for i := range uint64(1024) {
		key := binary.BigEndian.AppendUint64([]byte("key "), i)
		out = append(out, statemachine.Change{Key: key, Value: bytes.Repeat(key[4:], 125)})
	}
	return out
}

// checkAll checks all tables in use, or up to the first that is not in order.
func checkAll(s *Store) error {
	for ends := 0; ends < 2; { // the end of the round under way, and of a whole one
		more, err := s.CheckTable()
		if err != nil {
			return err
		}
		if !more {
			ends++
		}
	}
	return nil
}

// R121: what leads to the values rots as well. The check of the table finds it, whatever
// a scan sees, and says that no repair in place helps: what a scan finds in its place
// may be hidden from a read.
func TestRuinIsFoundByCheck(t *testing.T) {
	for _, d := range ruins {
		t.Run(d.name, func(t *testing.T) {
			s := damaged(t, d)
			storetest.WantErr(t, "check", checkAll(s), statemachine.ErrRuined)
		})
	}
}

// R88, R121: none of it is a panic, and a repair that cannot step over it learns so.
func TestRuinInUse(t *testing.T) {
	for _, d := range ruins {
		if !d.scan {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			s := damaged(t, d)
			for _, c := range thousand() {
				if _, _, err := s.Read(c.Key, v128); err != nil && !errors.Is(err, statemachine.ErrRot) {
					t.Fatal(err)
				}
			}
			storetest.WantErr(t, "scan", s.Scan(nil, nil, v128, func(_, _ []byte) bool { return true }), statemachine.ErrRot)
			storetest.WantErr(t, "salvage", s.Salvage(v128, func(_, _ []byte, _ bool) bool { return true }), statemachine.ErrRuined)
			_, err := s.Window(0, v128)
			storetest.WantErr(t, "window", err, statemachine.ErrRot)
		})
	}
}

// A filter that has rotted hides what a scan finds: this is why a repair by difference
// does not help.
func TestFilterHides(t *testing.T) {
	s := damaged(t, ruins[0])
	hidden, scanned := 0, 0
	for _, c := range thousand() {
		_, found, err := s.Read(c.Key, v128)
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			hidden++
		}
	}
	if err := s.Salvage(v128, func(_, _ []byte, damaged bool) bool {
		if !damaged {
			scanned++
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if hidden == 0 || scanned != len(thousand()) {
		t.Errorf("of %d keys %d are hidden from reads, and %d are scanned", len(thousand()), hidden, scanned)
	}
}

// A value that has rotted is not ruin: what leads to it is in order, and the repair
// replaces it. It is named once.
func TestValueIsNoRuin(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	mustApply(t, s, v128, storetest.Set("key", precious))
	s = reopen(t, s)
	flip(t, s.space.dir)
	err := checkAll(s)
	if storetest.WantErr(t, "check", err, statemachine.ErrRot); errors.Is(err, statemachine.ErrRuined) {
		t.Errorf("it can be repaired: %v", err)
	}
	if err := checkAll(s); err != nil {
		t.Errorf("it is named again: %v", err)
	}
}

// Nor is the mark of an entry that says where its value stands.
func TestMarkIsNoRuin(t *testing.T) {
	const elsewhere = 1 << 1 // Badger's mark of a value outside the table
	s := damaged(t, tableDamage{do: func(l *layout) (int, []byte) {
		at := l.second() + 4 + int(binary.LittleEndian.Uint16(l.raw[l.second()+2:]))
		return at, []byte{l.raw[at] | elsewhere}
	}})
	storetest.WantErr(t, "scan", s.Scan(nil, nil, v128, func(_, _ []byte) bool { return true }), statemachine.ErrRot)
	marked := 0
	if err := s.Salvage(v128, func(key, _ []byte, damaged bool) bool {
		if damaged {
			marked++
			_, _, err := s.Read(key, v128)
			storetest.WantErr(t, "read", err, statemachine.ErrRot)
		}
		return true
	}); err != nil || marked != 1 {
		t.Errorf("%d entries are damaged, %v", marked, err)
	}
	if err := checkAll(s); !errors.Is(err, statemachine.ErrRot) || errors.Is(err, statemachine.ErrRuined) {
		t.Errorf("check: %v", err)
	}
}

// inPlaceOfTable puts a link to something else in the place of the only table, which
// stays open, and returns what undoes it.
func inPlaceOfTable(t *testing.T, s *Store, target string) (undo func()) {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(s.space.dir, "*.sst"))
	if err != nil || len(tables) != 1 {
		t.Fatal(tables, err)
	}
	kept := filepath.Join(t.TempDir(), "table")
	if err := errors.Join(os.Rename(tables[0], kept), os.Symlink(target, tables[0])); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Rename(kept, tables[0]); err != nil {
			t.Fatal(err)
		}
	}
}

// An error that passes is no rot. It is told, and the table looked at again.
func TestCheckIsRepeated(t *testing.T) {
	s := damaged(t, ruins[0])
	undo := inPlaceOfTable(t, s, "000000.sst") // a link to itself
	link := filepath.Join(s.space.dir, "000000.sst")
	if err := os.Symlink(link, link); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := checkAll(s); err == nil || errors.Is(err, statemachine.ErrRot) {
			t.Errorf("a table that could not be opened: %v", err)
		}
	}
	undo()
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	storetest.WantErr(t, "check", checkAll(s), statemachine.ErrRuined)
}

// A panic of whoever is called by a scan is none of Badger's.
func TestForeignPanic(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	mustApply(t, s, v128, storetest.Set("a", "1"))
	defer func() {
		if p := recover(); p != "planted" {
			t.Errorf("the panic became %v", p)
		}
	}()
	err := s.Scan(nil, nil, v128, func(_, _ []byte) bool { panic("planted") })
	t.Errorf("the panic became %v", err)
}

// Tables come and go with flushes and compactions, and the list of them grows, while
// they are checked: none of that is ruin.
func TestCheckBesideCompactions(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	done := make(chan error, 1)
	go func() {
		for i := range 120 {
			v := storetest.VersionAt(1+i, 0)
			changes := thousand()
			for j := range changes {
				changes[j].Value = bytes.Repeat([]byte{byte(i), byte(j), 1}, 300)
			}
			if err := errors.Join(s.Apply(changes, storetest.MarkerAt(v)), s.Retire(v)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	rounds, tables := 0, 0
	for {
		select {
		case err := <-done:
			if err != nil || rounds < 2 || tables == rounds {
				t.Errorf("%d rounds, %v", rounds, err)
			}
			t.Logf("%d tables in %d rounds", tables, rounds)
			return
		default:
		}
		more, err := s.CheckTable()
		if err != nil {
			t.Fatal(err)
		}
		if tables++; !more {
			rounds++
		}
	}
}
