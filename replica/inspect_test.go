package replica_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/replica"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// inspected is a folder under inspection.
type inspected struct {
	*testing.T
	group *group
	dir   string
}

func (i *inspected) inspect() *replica.Inspected {
	i.Helper()
	r, err := replica.Inspect(replica.Inspection{Group: i.group.group, DataDir: i.dir})
	if err != nil {
		i.Fatal(err)
	}
	return r
}

// TestInspect: every bit that flips in a data folder, whether its replica was
// stopped or killed, is named with its file, or it is in no live record; then
// nothing that the folder says differs from before. A cut file is found, too (R56,
// R82, R121).
func TestInspect(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.dial()
	for range 70 {
		invoke(t, c, kv.Increment([]byte("n"), 1))
	}
	await(t, "a snapshot", func() bool { return g.replica[3].Status().Snapshot >= 48 })
	killed, stopped := filepath.Join(t.TempDir(), "killed"), g.config(3).DataDir
	copyFolder(t, killed, stopped)
	if _, err := replica.Inspect(replica.Inspection{Group: g.group, DataDir: stopped}); replica.ExitCode(err) != replica.ExitSurroundings {
		t.Errorf("the folder of a replica that runs: %v", err)
	}
	g.end(3)
	for _, dir := range []string{killed, stopped} {
		i := &inspected{T: t, group: g, dir: dir}
		r := i.inspect()
		if len(r.Faults) > 0 || r.Replica != "r3" || !r.Compared || !r.Chained || r.Durable < 48 || r.Records == 0 || r.Entries < 3 {
			t.Fatalf("%s: %+v", filepath.Base(dir), r)
		}
		i.flips(r)
	}
}

// copyFolder copies what a killed process would leave behind.
func copyFolder(t *testing.T, to, from string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSocket != 0 {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), raw, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (i *inspected) flips(whole *replica.Inspected) {
	err := filepath.WalkDir(i.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(i.dir, path)
		if err != nil {
			return err
		}
		named := 0
		step := max(1, min(len(raw), 20_000)/12)
		for at := step / 3; at < min(len(raw), 20_000); at += step {
			flipped := append([]byte(nil), raw...)
			flipped[at] ^= 1 << (at % 8)
			if err := os.WriteFile(path, flipped, 0o600); err != nil {
				return err
			}
			named += i.judge(whole, rel, at)
		}
		if len(raw) > 0 && rel != "LOCK" {
			if err := os.WriteFile(path, raw[:len(raw)/3], 0o600); err != nil {
				return err
			}
			i.judge(whole, rel, -1)
		}
		i.Logf("%s/%s: %d named", filepath.Base(i.dir), rel, named)
		return os.WriteFile(path, raw, 0o600)
	})
	if err != nil {
		i.Fatal(err)
	}
}

// judge counts a fault that is named, and fails if something is lost without one.
func (i *inspected) judge(whole *replica.Inspected, file string, at int) int {
	r := i.inspect()
	for n := range r.Faults {
		if where := r.Faults[n].Where(); !strings.HasPrefix(where, strings.SplitN(file, string(filepath.Separator), 2)[0]) || r.Faults[n].What == "" {
			i.Errorf("%s at %d: the fault is said to be in %q: %s", file, at, where, r.Faults[n].What)
		}
	}
	if r.Damaged() {
		return 1
	}
	if r.Records != whole.Records || r.Durable < whole.Durable || r.Entries != whole.Entries || r.Compared != whole.Compared || r.Chained != whole.Chained {
		i.Errorf("%s at %d: nothing was found, but %+v was %+v", file, at, r, whole)
	}
	return 0
}
