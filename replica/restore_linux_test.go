package replica_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/replica"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// TestRestoreOntoMount: no folder can be put in the place of a file system. A restore
// says so before it begins, and says what to do; and whatever makes it fail in the end,
// a folder that was new still is (R83, R91).
func TestRestoreOntoMount(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	g := newGroup(t, 4, small())
	c := g.dial()
	snapshotted(t, g, c, 32, 1)
	b := g.saved(1, "b")
	g.end(1)
	cfg := g.config(1)
	cfg.DataDir = filepath.Join(g.folder, "disk")
	mounted := func(from, kind string, flags uintptr) (unmount func()) {
		t.Helper()
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount(from, cfg.DataDir, kind, flags, ""); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := unix.Unmount(cfg.DataDir, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		}
	}
	isNew := func(what string) {
		t.Helper()
		only(t, cfg.DataDir, "NEW")
		if _, err := os.Stat(cfg.DataDir + ".restoring"); err == nil {
			t.Errorf("%s: the staging folder stays", what)
		}
	}
	unmount := mounted("tmpfs", "tmpfs", 0)
	if err := replica.MarkNew(cfg.DataDir); err != nil {
		t.Fatal(err)
	}
	verified := false
	_, err := replica.Restore(t.Context(), cfg, b.File, func(uint64, uint64) { verified = true })
	if replica.ExitCode(err) != replica.ExitSurroundings || !strings.Contains(err.Error(), "name a folder inside it") || strings.Contains(err.Error(), "\n") || verified {
		t.Errorf("verified %v: %v", verified, err)
	}
	isNew("a mount")
	inside := cfg
	inside.DataDir = filepath.Join(cfg.DataDir, "data")
	if _, err := replica.Restore(t.Context(), inside, b.File, nil); err != nil {
		t.Errorf("into a folder inside: %v", err)
	}
	r, err := replica.New(inside, kv.New())
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	unmount()
	// The same file system once more is not told from a folder.
	unmount = mounted(cfg.DataDir, "", unix.MS_BIND)
	defer unmount()
	if err := replica.MarkNew(cfg.DataDir); err != nil {
		t.Fatal(err)
	}
	if _, err := replica.Restore(t.Context(), cfg, b.File, nil); err == nil || !strings.Contains(err.Error(), "in the place of") {
		t.Errorf("onto a folder that is in use: %v", err)
	}
	isNew("a bind mount")
}
