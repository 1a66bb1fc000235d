package group

import (
	"path/filepath"
	"strings"
	"testing"
)

// A group loses its primary, goes on, takes it back, and agrees.
func TestGroup(t *testing.T) {
	ctx := limited(t)
	g, err := New(ctx, built, Layout{Replicas: 4, Clients: 1, Dir: filepath.Join(t.TempDir(), "g"), Flags: []string{"--timeout", "300ms"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			t.Log(g.Logs(20))
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := g.Start(ctx); err != nil {
		t.Fatal(err)
	}
	says := func(want string, args ...string) {
		t.Helper()
		out, err := g.Client(ctx, args...)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(out, want) {
			t.Errorf("client %v said %q, want %q", args, out, want)
		}
	}
	says("ok", "put", "colour", "green")
	primary, err := g.Primary(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if primary.Name != "replica-0" {
		t.Errorf("the primary is %s", primary.Name)
	}
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	if primary.Running() || primary.Check() != nil {
		t.Errorf("running %v, check %v after Kill", primary.Running(), primary.Check())
	}
	says("ok", "put", "colour", "blue")
	if next, err := g.Primary(ctx); err != nil || next == primary {
		t.Errorf("the primary is %v (%v) although it is dead", next, err)
	}
	if err := primary.Start(); err != nil {
		t.Fatal(err)
	}
	executed, history, err := g.Agree(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if executed == 0 || len(history) != 64 || strings.Trim(history, "0") == "" {
		t.Errorf("agreed on %d, history %q", executed, history)
	}
	says("blue", "get", "colour")
	if _, err := g.Client(ctx, "get", "nothing"); err == nil || !strings.Contains(err.Error(), "exit status 4") {
		t.Errorf("a missing key gave %v", err)
	}
	for _, r := range g.Replicas {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	}
}
