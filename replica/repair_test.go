package replica_test

import (
	"bytes"
	"fmt"
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
	c := g.dial()
	for i := range 60 {
		invoke(t, c, kv.Put(fmt.Appendf(nil, "key-%d", i), fmt.Appendf(nil, "precious value %d.", i)))
	}
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
