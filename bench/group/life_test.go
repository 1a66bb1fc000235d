package group

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A process learns that its parent is gone, and not before.
func TestEndWithParent(t *testing.T) {
	parent, said := actor(t, "parent")
	var pid int
	if !said.Scan() {
		t.Fatal("the child says nothing")
	}
	if _, err := fmt.Sscanf(said.Text(), "child %d <nil>", &pid); err != nil {
		t.Fatalf("the child says %q", said.Text())
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if !said.Scan() || said.Text() != ErrParentGone.Error() {
		t.Errorf("the child says %q", said.Text())
	}
	gone(t, pid)
	_ = parent.Wait() // was killed
}

// A replica ends although nobody was left to end it.
func TestReplicasEndWithTheirStarter(t *testing.T) {
	g, err := New(limited(t), built, Layout{Replicas: 1, Dir: filepath.Join(t.TempDir(), "g")})
	if err != nil {
		t.Fatal(err)
	}
	bench, said := actor(t, "bench", "VARANGIAN_BENCH_TEST_DIR="+g.Dir, "VARANGIAN_BENCH_TEST_REPLICA="+built.Replica)
	var pid int
	if !said.Scan() {
		t.Fatal("the bench says nothing")
	}
	if _, err := fmt.Sscanf(said.Text(), "replica %d <nil>", &pid); err != nil {
		t.Fatalf("the bench says %q", said.Text())
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("the replica does not run: %v", err)
	}
	if err := bench.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = bench.Wait() // was killed
	gone(t, pid)
}

// A replica that nobody ended is an error that says why.
func TestUnexpectedEnd(t *testing.T) {
	g, err := New(limited(t), built, Layout{Replicas: 1, Dir: filepath.Join(t.TempDir(), "g")})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	r := g.Replicas[0]
	if err := os.WriteFile(filepath.Join(r.Dir, "replica.toml"), []byte("version = 1\ncolour = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = g.Start(limited(t))
	if err == nil || !strings.Contains(err.Error(), "exit status 2") || !strings.Contains(err.Error(), "the key colour is not known") {
		t.Errorf("err = %v", err)
	}
	if r.Running() {
		t.Error("it runs")
	}
}

func TestWorkspaceRemovesWhatTheDeadLeft(t *testing.T) {
	parent := t.TempDir()
	in := func(names ...string) string { return filepath.Join(append([]string{parent}, names...)...) }
	alive, err := NewWorkspace(parent)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"varangian-bench-dead/deep", "varangian-bench-unlocked", "varangian-bench-fresh", "other"} {
		if err := os.MkdirAll(in(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(in("varangian-bench-dead", lockName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * unlockedAge)
	if err := os.Chtimes(in("varangian-bench-unlocked"), old, old); err != nil {
		t.Fatal(err)
	}
	next, err := NewWorkspace(parent)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		alive.Dir: true, next.Dir: true, in("varangian-bench-fresh"): true, in("other"): true,
		in("varangian-bench-dead"): false, in("varangian-bench-unlocked"): false,
	} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", path, err == nil, want)
		}
	}
	for _, w := range []*Workspace{alive, next} {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(w.Dir); err == nil {
			t.Errorf("%s is there after Close", w.Dir)
		}
	}
}

func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("one\ntwo\nthree\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for lines, want := range map[int]string{1: "three\n", 2: "two\nthree\n", 3: "one\ntwo\nthree\n", 9: "one\ntwo\nthree\n"} {
		if have := tail(path, lines); have != want {
			t.Errorf("last %d lines: %q", lines, have)
		}
	}
	if have := tail(path+"x", 1); !strings.Contains(have, "no such file") {
		t.Errorf("of no file: %q", have)
	}
}
