package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// All replicas are killed at once, five times over, and each acknowledged write
// is there; then a short load is measured.
func TestKillAllAndRun(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	p, err := newPlace(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("kill-all", func(t *testing.T) {
		out := say(t, "chaos", "--kill-all", "--rounds", "5", "--bin", p.dir)
		if !strings.HasSuffix(out, "chaos: ok\n") || strings.Count(out, "Kill all replicas") != 5 {
			t.Error(out)
		}
	})
	t.Run("run", func(t *testing.T) {
		out := say(t, "run", "--inflight", "10", "--warmup", "100ms", "--duration", "1s", "--bin", p.dir)
		if !strings.Contains(out, "replica-3") || !strings.Contains(out, "errors                        0") {
			t.Error(out)
		}
	})
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(p.dir), "*")); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

// A demo that is interrupted while it builds leaves no folder behind.
func TestInterruptedWhileBuilding(t *testing.T) {
	bin, temporary := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	for _, program := range []string{"replica", "client"} {
		if err := os.WriteFile(filepath.Join(bin, program), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	for _, args := range [][]string{{"demo"}, {"demo", "--bin", bin}} { // before the first build, and before the second
		root := newRoot()
		root.SetArgs(args)
		root.SetOut(io.Discard)
		if err := root.ExecuteContext(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%v: %v; want that it was interrupted", args, err)
		}
		if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
			t.Errorf("%v: left behind: %v (%v)", args, left, err)
		}
	}
}

// say runs the command and returns what it printed.
func say(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	if err := root.ExecuteContext(ctx); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return out.String()
}
