package main

import (
	"bytes"
	"context"
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
	t.Run("killall", func(t *testing.T) {
		out := say(t, "killall", "--rounds", "5", "--bin", p.dir)
		if !strings.HasSuffix(out, "killall: ok\n") || strings.Count(out, "Kill all replicas") != 5 {
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
