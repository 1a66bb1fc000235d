package logtest_test

import (
	"errors"
	"testing"

	"github.com/varangian-bft/varangian/store/log"
	"github.com/varangian-bft/varangian/store/log/logtest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, f log.File, offset int64, text string) {
	t.Helper()
	_, err := f.WriteAt([]byte(text), offset)
	must(t, err)
}

func made(t *testing.T, d *logtest.Disk) log.File {
	t.Helper()
	f, err := d.Create("a", 8)
	must(t, err)
	must(t, d.SyncDir())
	write(t, f, 0, "--------")
	must(t, f.Sync())
	return f
}

// R78: a crash takes what was not synced: all of it, some of it, or some bytes.
func TestCrashForgets(t *testing.T) {
	for want, picks := range map[string][]int{
		"--------": {0, 0, 0},
		"ab------": {0, 1, 0},
		"----cd--": {0, 0, 1},
		"ab--cd--": {0, 1, 1},
		"a---cd--": {0, 2, 1, 1},
	} {
		d := logtest.NewDisk()
		f := made(t, d)
		write(t, f, 0, "ab")
		write(t, f, 4, "cd")
		if got := string(d.Read("a")); got != "ab--cd--" {
			t.Fatalf("the process sees %q", got)
		}
		d.Crash(func(n int) int {
			p := picks[0]
			picks = picks[1:]
			return min(p, n-1)
		})
		if got := string(d.Read("a")); got != want {
			t.Errorf("after the crash there is %q, want %q", got, want)
		}
		if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, logtest.ErrDead) {
			t.Errorf("a file outlives a crash: %v", err)
		}
	}
}

func TestKillForgetsNothing(t *testing.T) {
	d := logtest.NewDisk()
	f := made(t, d)
	write(t, f, 2, "ab")
	d.Kill()
	if got := string(d.Read("a")); got != "--ab----" {
		t.Fatalf("got %q", got)
	}
	if f.Sync() == nil {
		t.Fatal("a file outlives its process")
	}
	d.Crash(nil)
	if got := string(d.Read("a")); got != "--------" {
		t.Fatalf("got %q: killing a process made its writes durable", got)
	}
}

// Changes of the folder are lost unless it is synced, and never out of order.
func TestFolder(t *testing.T) {
	for kept, want := range [][]string{{"a"}, {"b"}, {"b", "c"}} {
		d := logtest.NewDisk()
		made(t, d)
		must(t, d.Rename("a", "b"))
		_, err := d.Create("c", 1)
		must(t, err)
		d.Crash(func(int) int { k := kept; kept = 0; return k })
		if got := d.Names(); len(got) != len(want) || got[0] != want[0] {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	d := logtest.NewDisk()
	made(t, d)
	must(t, d.Remove("a"))
	must(t, d.SyncDir())
	d.Crash(nil)
	if got := d.Names(); len(got) > 0 {
		t.Errorf("removed, and still there: %v", got)
	}
}

// R81: a failed sync leaves pages that are seen and never written.
func TestFailedSync(t *testing.T) {
	d := logtest.NewDisk()
	f := made(t, d)
	write(t, f, 0, "ab")
	d.Watch = func(c logtest.Call) error {
		if c.String() == "sync a" {
			return errors.New("input/output error")
		}
		return nil
	}
	if f.Sync() == nil {
		t.Fatal("no error")
	}
	d.Watch = nil
	must(t, f.Sync())
	if got := string(d.Read("a")); got != "ab------" {
		t.Fatalf("the process sees %q", got)
	}
	d.Crash(func(n int) int { return min(1, n-1) })
	if got := string(d.Read("a")); got != "--------" {
		t.Fatalf("after the crash there is %q", got)
	}
}

// R88
func TestFull(t *testing.T) {
	d := logtest.NewDisk()
	d.BytesMax = 20
	made(t, d)
	if _, err := d.Create("b", 13); !errors.Is(err, log.ErrNoSpace) {
		t.Fatalf("got %v", err)
	}
	if _, err := d.Create("a", 20); err != nil {
		t.Fatalf("replacing a file: %v", err)
	}
}

func TestDamage(t *testing.T) {
	d := logtest.NewDisk()
	made(t, d)
	c := d.Clone()
	c.Flip("a", 8)
	c.Truncate("a", 3)
	c.Crash(nil)
	if got := string(c.Read("a")); got != "-,-" {
		t.Errorf("got %q", got)
	}
	c.Delete("a")
	if c.Read("a") != nil || c.Size("a") != 0 || d.Size("a") != 8 {
		t.Error("the copy and its source are not apart")
	}
}
