package replica_test

import (
	"testing"

	"github.com/varangian-bft/varangian/replica"
)

// R121: rot that a reader for an operator comes upon, before the scrub does, is rot.
// The replica answers from that state no more.
func TestReadersTellOfRot(t *testing.T) {
	for name, read := range map[string]func(g *group){
		"backup": func(g *group) {
			if b, err := g.backup(3, "b"); err == nil {
				g.t.Errorf("a backup of what has rotted: %+v", b)
			}
		},
		"diff": func(g *group) {
			if d, err := replica.Diff(g.t.Context(), g.group, g.config(2).DataDir, g.config(3).DataDir, 10); err != nil || len(d.Keys) != 1 {
				g.t.Errorf("%v: %+v", err, d)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGroup(t, 4, small())
			g.precious()
			g.alike()
			g.end(3)
			g.scrub = -1
			g.start(3)
			await(t, "r3 runs", func() bool {
				_, err := replica.ReadStatus(t.Context(), g.config(3).DataDir)
				return err == nil
			})
			if !flipInState(t, g.config(3).DataDir, "precious value 7.") {
				t.Fatal("no table holds the value")
			}
			if a := replica.ReadAlarm(g.config(3).DataDir); a != nil {
				t.Fatalf("it was found before: %v", a)
			}
			read(g)
			await(t, "the alarm", func() bool { return g.replica[3].Status().Repair != "" && g.replica[3].Status().Alarm != "" })
		})
	}
}
