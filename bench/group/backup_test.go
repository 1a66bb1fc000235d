package group

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// frequent makes checkpoints and snapshots come after few batches.
var frequent = map[string]int64{"checkpoint_interval": 2, "window": 16, "snapshot_interval": 2}

// fill writes values of 10 kB that do not compress, and returns when some snapshot
// has them.
func (g *Group) fill(ctx context.Context, t *testing.T, keys int) {
	t.Helper()
	var lines bytes.Buffer
	noise := uint64(88172645463325252)
	for i := range keys {
		fmt.Fprintf(&lines, "put k%d ", i)
		for lines.Len()%10_000 != 0 {
			noise ^= noise << 13
			noise ^= noise >> 7
			noise ^= noise << 17
			lines.WriteByte("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-"[noise%64])
		}
		lines.WriteByte('\n')
	}
	c := command(ctx, g.binaries.Client, "--group", g.File(), "--key", g.KeyFile(0), "batch")
	c.Stdin = &lines
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatal(failed(ctx, "client batch", err, out))
	}
	for range 3 * frequent["checkpoint_interval"] * frequent["snapshot_interval"] {
		if _, err := g.Client(ctx, "incr", "n"); err != nil {
			t.Fatal(err)
		}
	}
}

// A saved is what `replica backup --json` says.
type saved struct {
	Sequence uint64 `json:"sequence"`
	Digest   string `json:"digest"`
	Bytes    uint64 `json:"bytes"`
}

func (g *Group) saved(ctx context.Context, t *testing.T, args ...string) (s saved) {
	t.Helper()
	out, err := g.Replica(ctx, append([]string{"backup", "--json"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// newGroup runs a group with frequent snapshots and some data.
func newGroup(ctx context.Context, t *testing.T, keys int) *Group {
	t.Helper()
	g, err := New(ctx, built, Layout{Replicas: 4, Clients: 1, Dir: filepath.Join(t.TempDir(), "g"), Parameters: frequent})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(g.Logs(20))
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := g.Start(ctx); err != nil {
		t.Fatal(err)
	}
	g.fill(ctx, t, keys)
	return g
}

// killed runs the replica program, and kills it when it has run for a while, unless
// it ends by itself before. It says whether it was killed.
func (g *Group) killed(ctx context.Context, t *testing.T, when func() bool, args ...string) bool {
	t.Helper()
	c := command(ctx, g.binaries.Replica, args...)
	c.Dir = g.Dir
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !when() {
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("replica %v: %v", args, err)
			}
			return false
		case <-tick.C:
		}
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	return <-ended != nil
}

// A backup that is killed has no name; one that has is whole. A restore that is
// killed at any moment leaves a data folder that is as new, or whole (R95).
func TestBackupKilled(t *testing.T) {
	ctx := limited(t)
	g := newGroup(ctx, t, 150)
	from := g.Replicas[3]
	partial := func() bool {
		left, err := filepath.Glob(filepath.Join(g.Dir, ".killed.partial-*"))
		if err != nil || len(left) == 0 {
			return false
		}
		info, err := os.Stat(left[0])
		return err == nil && info.Size() > 500_000
	}
	if !g.killed(ctx, t, partial, "backup", "--dir", from.Dir, "--out", "killed", "--rate", "1") {
		t.Fatal("the backup was not killed")
	}
	if _, err := os.Stat(filepath.Join(g.Dir, "killed")); err == nil {
		t.Error("half a backup has a name")
	}
	whole := g.saved(ctx, t, "--dir", from.Dir, "--out", "killed")
	if whole.Bytes < 1_400_000 {
		t.Errorf("the backup has %d bytes", whole.Bytes)
	}
	if again := g.saved(ctx, t, "--verify", "killed", "--group", g.File()); again != whole {
		t.Errorf("%+v was written, %+v is verified", whole, again)
	}
	if err := from.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(from.Data()); err != nil {
		t.Fatal(err)
	}
	kills := 0
	for after := 5 * time.Millisecond; ; after += 10 * time.Millisecond {
		begin := time.Now()
		if !g.killed(ctx, t, func() bool { return time.Since(begin) > after }, "restore", "--from", "killed", "--dir", from.Dir) {
			break
		}
		kills++
		if _, err := os.Stat(filepath.Join(from.Data(), "VERSION")); err == nil {
			break // killed behind its last step
		}
		if left, err := os.ReadDir(from.Data()); err == nil && len(left) > 0 {
			t.Fatalf("a restore that was killed after %v left %v", after, left)
		}
	}
	t.Logf("%d restores were killed", kills)
	if again := g.saved(ctx, t, "--dir", from.Dir, "--out", "again"); again != whole {
		t.Errorf("%+v was backed up, %+v is restored", whole, again)
	}
}

// After a lost quorum the parties go on with a backup, as a new group: what was in
// the backup is there, and the old group's receipts still prove what they proved.
func TestLostQuorum(t *testing.T) {
	ctx := limited(t)
	g := newGroup(ctx, t, 20)
	if out, err := g.Client(ctx, "put", "colour", "green", "--receipt", "proof"); err != nil {
		t.Fatal(err, out)
	}
	for range 2 * frequent["checkpoint_interval"] * frequent["snapshot_interval"] {
		if _, err := g.Client(ctx, "incr", "n"); err != nil {
			t.Fatal(err)
		}
	}
	b := g.saved(ctx, t, "--dir", g.Replicas[1].Dir, "--out", "backup")
	for _, r := range g.Replicas {
		if err := r.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(g.Dir, "next")
	out, err := g.Replica(ctx, "init", "--restore", "backup", "--old-group", g.File(), "--dir", dir, "--ports", "auto")
	if err != nil || !strings.Contains(out, b.Digest) {
		t.Fatalf("%v: %s", err, out)
	}
	next := &Group{Dir: dir, binaries: g.binaries}
	for i := range 4 {
		name := fmt.Sprintf("replica-%d", i)
		r := &Replica{Name: name, Dir: filepath.Join(dir, name), log: filepath.Join(dir, name+".log"), binary: g.binaries.Replica}
		if out, err := g.Replica(ctx, "restore", "--from", "backup", "--dir", r.Dir); err != nil || !strings.Contains(out, b.Digest) {
			t.Fatalf("%v: %s", err, out)
		}
		next.Replicas = append(next.Replicas, r)
	}
	defer func() {
		if t.Failed() {
			t.Log(next.Logs(20))
		}
		if err := next.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := next.Start(ctx); err != nil {
		t.Fatal(err)
	}
	use := func(args ...string) string { // with the keys that the client had in the old group
		t.Helper()
		c := command(ctx, g.binaries.Client, append([]string{"--group", next.File(), "--key", g.KeyFile(0)}, args...)...)
		out, err := c.Output()
		if err != nil {
			t.Fatal(failed(ctx, "client "+args[0], err, stderr(err)))
		}
		return string(out)
	}
	if got := strings.TrimSpace(use("get", "colour")); got != "green" {
		t.Errorf("colour is %q", got)
	}
	use("put", "colour", "blue")
	if got := strings.TrimSpace(use("get", "colour")); got != "blue" {
		t.Errorf("colour is %q", got)
	}
	if _, _, err := next.Agree(ctx); err != nil {
		t.Error(err)
	}
	if out, err := g.Client(ctx, "receipt", "verify", "proof"); err != nil || !strings.Contains(out, "valid") {
		t.Errorf("a receipt of the old group: %v %s", err, out)
	}
	if out, err := next.Replica(ctx, "restore", "--from", filepath.Join(g.Dir, "backup"), "--dir", next.Replicas[0].Dir); err == nil {
		t.Errorf("a restore over a running replica: %s", out)
	}
}
