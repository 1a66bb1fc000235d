package replica_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/varangian-bft/varangian/replica"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// flipInState flips a bit of a text in a table of a replica's state, and reports
// whether it was there.
func flipInState(t *testing.T, dataDir, text string) bool {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(dataDir, "state", "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range tables {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.LastIndex(raw, []byte(text))
		if at < 0 {
			continue
		}
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{raw[at] ^ 1}, int64(at)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		return true
	}
	return false
}

// TestRepair: a bit flips in a table of a replica that runs. The replica finds it
// without being asked, says so, repairs itself from the others and stands equal again;
// the alarm stays until it is cleared, also over a restart (R51, R56, R121).
func TestRepair(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.precious()
	await(t, "a snapshot", func() bool { return g.replica[3].Status().Snapshot >= 48 })
	g.end(3)
	g.start(3)
	dir := g.config(3).DataDir
	if !flipInState(t, dir, "precious value 7.") {
		t.Fatal("no table holds the value")
	}
	// The others go on meanwhile: the next snapshot takes the place of the state.
	await(t, "the alarm", func() bool {
		invoke(t, c, kv.Increment([]byte("n"), 1))
		return g.replica[3].Status().Alarm != ""
	})
	await(t, "the repair", func() bool {
		invoke(t, c, kv.Increment([]byte("n"), 1))
		a := replica.ReadAlarm(dir)
		return a != nil && !a.Open && g.replica[3].Status().Repair == ""
	})
	await(t, "r3 stands equal", func() bool {
		a, b := g.replica[3].Status(), g.replica[1].Status()
		return a.Executed == b.Executed && a.History == b.History
	})
	// The check of whole tables may find the same bit once more, and raise it again.
	await(t, "the alarm can be cleared", func() bool {
		invoke(t, c, kv.Increment([]byte("n"), 1))
		return replica.ClearAlarm(dir) == nil && replica.ReadAlarm(dir) == nil
	})
}

// zeroFilter writes zeros over the filter of a table: the second field of the index,
// which stands before its size, its checksum, and the size of that.
func zeroFilter(t *testing.T, name string) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	at := len(raw) - 4
	at -= int(binary.BigEndian.Uint32(raw[at:])) + 4
	at -= int(binary.BigEndian.Uint32(raw[at:]))
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(raw[at:])) }
	at += u32(at)
	fields := at - int(int32(u32(at)))
	at += int(binary.LittleEndian.Uint16(raw[fields+6:]))
	at += u32(at)
	write(t, name, at+4, make([]byte, u32(at)))
}

func write(t *testing.T, name string, at int, data []byte) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err == nil {
		_, err = f.WriteAt(data, int64(at))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestRuin: what leads to the values rots in a table of a replica that runs, so that a
// repair in place would seem to help and does not, or comes to no end. The replica ends
// with an alarm that says so, sets its state aside at the next start, fetches it, and
// stands equal again (R51, R88, R121).
func TestRuin(t *testing.T) {
	for _, d := range []struct {
		name string
		do   func(t *testing.T, table string)
	}{
		{"filter", zeroFilter},
		{"header of an entry", func(t *testing.T, name string) { write(t, name, 2, []byte{0xff, 0xff}) }},
		{"cut", func(t *testing.T, name string) {
			if err := os.Truncate(name, 0); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(d.name, func(t *testing.T) {
			g := newGroup(t, 4, small())
			c := g.precious()
			await(t, "a snapshot", func() bool { return g.replica[3].Status().Snapshot >= 48 })
			g.end(3)
			g.start(3)
			dir := g.config(3).DataDir
			tables, err := filepath.Glob(filepath.Join(dir, "state", "*.sst"))
			if err != nil || len(tables) == 0 {
				t.Fatal(tables, err)
			}
			for _, name := range tables {
				d.do(t, name)
			}
			ended := false
			await(t, "r3 ends", func() bool {
				invoke(t, c, kv.Increment([]byte("n"), 1))
				select {
				case err := <-g.ended[3]:
					ended = true
					if replica.ExitCode(err) != replica.ExitDisk {
						t.Fatalf("it ended with %v", err)
					}
				default:
				}
				return ended
			})
			if a := replica.ReadAlarm(dir); a == nil || !a.Open || !a.GiveUp {
				t.Fatalf("the alarm is %+v", a)
			}
			g.start(3)
			await(t, "r3 stands equal", func() bool {
				invoke(t, c, kv.Increment([]byte("n"), 1))
				a, b := g.replica[3].Status(), g.replica[1].Status()
				return a.Repair == "" && a.Executed == b.Executed && a.History == b.History
			})
			if a := replica.ReadAlarm(dir); a == nil || a.Open || a.GiveUp {
				t.Errorf("the alarm is %+v", a)
			}
			if _, err := os.Stat(filepath.Join(dir, "state.damaged-1")); err != nil {
				t.Error(err)
			}
		})
	}
}
