package replica_test

import (
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/replica"
)

// TestDiff: two replicas that run, one that is stopped, and one whose value has
// rotted: the partition and the key are named (R51, R56).
func TestDiff(t *testing.T) {
	g := newGroup(t, 4, small())
	g.precious()
	g.alike()
	between := func(a, b int) *replica.Difference {
		t.Helper()
		d, err := replica.Diff(t.Context(), g.group, g.config(a).DataDir, g.config(b).DataDir, 10)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := between(2, 3); len(d.Partitions) > 0 || d.At < 56 {
		t.Errorf("two that run: %+v", d)
	}
	g.end(3)
	if d := between(2, 3); len(d.Partitions) > 0 || d.A != "r2" || d.B != "r3" {
		t.Errorf("one that is stopped: %+v", d)
	}
	g.start(3)
	await(t, "r3 runs", func() bool {
		_, err := replica.ReadStatus(t.Context(), g.config(3).DataDir)
		return err == nil
	})
	if !flipInState(t, g.config(3).DataDir, "precious value 7.") {
		t.Fatal("no table holds the value")
	}
	d := between(2, 3)
	if len(d.Partitions) != 1 || len(d.Keys) != 1 || d.Keys[0].A == d.Keys[0].B || !strings.Contains(d.Keys[0].Key, "key-7") {
		t.Errorf("a value of one that runs has rotted: %+v", d)
	}
}
