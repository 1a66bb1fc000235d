package replica_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/replica"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// restore restores replica i, whose folder must not be there or be empty.
func (g *group) restore(i int, file string) (*replica.Backup, error) {
	return replica.Restore(g.t.Context(), g.config(i), file, nil)
}

// moveAway keeps the folder of a stopped replica under another name.
func (g *group) moveAway(i int) string {
	g.t.Helper()
	kept := g.config(i).DataDir + ".old"
	if err := os.Rename(g.config(i).DataDir, kept); err != nil {
		g.t.Fatal(err)
	}
	return kept
}

// R27, R55, R95: what is restored is the snapshot that was backed up, to the last
// byte, and the replica knows that it may have forgotten what it promised (R92).
func TestRestore(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.dial()
	for i := range 30 {
		invoke(t, c, kv.Put(fmt.Appendf(nil, "k%d", i), fmt.Append(nil, i)))
	}
	snapshotted(t, g, c, 32, 1)
	b := g.saved(1, "b")
	if _, err := g.restore(1, b.File); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("over a folder in use: %v", err)
	}
	g.end(1)
	if _, err := g.restore(1, b.File); err == nil || !strings.Contains(err.Error(), "is not empty") || strings.Contains(err.Error(), "\n") {
		t.Errorf("over a folder: %v", err)
	}
	g.moveAway(1)
	if err := os.Mkdir(g.config(1).DataDir, 0o700); err != nil { // as replica init makes it
		t.Fatal(err)
	}
	got, err := g.restore(1, b.File)
	if err != nil || got.Digest != b.Digest {
		t.Fatalf("%v: %+v", err, got)
	}
	only(t, g.config(1).DataDir, "LOCK", "RECOVER", "VERSION", "log", "state")
	again := g.saved(1, "again")
	x, errX := os.ReadFile(b.File)
	y, errY := os.ReadFile(again.File)
	if errX != nil || errY != nil || !bytes.Equal(x, y) {
		t.Error("the backup of what was restored is another one")
	}
	g.start(1)
	await(t, "r1 catches up and signs again", func() bool {
		invoke(t, c, kv.Increment([]byte("n"), 1))
		a, b := g.replica[1].Status(), g.replica[2].Status()
		return a.Recovering == "" && a.Executed == b.Executed && a.History == b.History && a.Snapshot > 0
	})
}

// R94: replicas restored one after another serve the state that they were given, in a
// group that has certified no newer snapshot, as those do that made it.
func TestRestoredServe(t *testing.T) {
	p := small()
	p.SnapshotInterval = 64
	g := newGroup(t, 4, p)
	c := g.dial()
	await(t, "a snapshot at 512", func() bool {
		for range 20 {
			invoke(t, c, kv.Increment([]byte("n"), 1))
		}
		return g.replica[0].Status().Snapshot == 512
	})
	b := g.saved(0, "b")
	caught := func(i, other int) {
		await(t, fmt.Sprintf("r%d catches up", i), func() bool {
			a, b := g.replica[i].Status(), g.replica[other].Status()
			return a.Recovering == "" && a.Executed == b.Executed && a.History == b.History && a.Snapshot > 0
		})
		if n := g.replica[i].Status().Snapshot; n != 512 {
			t.Fatalf("the newest snapshot is that of %d, and this shows nothing", n)
		}
	}
	for _, i := range []int{1, 2, 3} {
		g.end(i)
		g.moveAway(i)
		if _, err := g.restore(i, b.File); err != nil {
			t.Fatal(err)
		}
		g.start(i)
		caught(i, 0)
	}
	g.end(0)
	emptied(t, g.config(0).DataDir)
	g.start(0)
	caught(0, 1)
}

// R94, R95: a backup that is refused, a target that has anything in it, and a
// restore that is given up leave the data folder as it was, which is as no folder.
func TestRestoreRefused(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.dial()
	for i := range 30 {
		invoke(t, c, kv.Put(fmt.Appendf(nil, "k%d", i), bytes.Repeat([]byte{byte(i)}, 1000)))
	}
	snapshotted(t, g, c, 32, 1)
	b := g.saved(1, "b")
	g.end(1)
	g.moveAway(1)
	file, err := os.ReadFile(b.File)
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, b []byte) string {
		path := filepath.Join(g.folder, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	absent := func(what string) {
		t.Helper()
		for _, path := range []string{g.config(1).DataDir, g.config(1).DataDir + ".restoring"} {
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s left %s", what, path)
			}
		}
	}
	flipped := bytes.Clone(file)
	flipped[len(flipped)-100] ^= 1
	grown := append(bytes.Clone(file), 0)
	for name, lie := range map[string][]byte{
		"cut": file[:len(file)/2], "extended": grown, "flipped": flipped, "empty": nil, "another file": []byte("version = 1"),
	} {
		_, err := g.restore(1, put("lie", lie))
		if err == nil || replica.ExitCode(err) != replica.ExitUsage || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "is refused") {
			t.Errorf("%s: %v (status %d)", name, err, replica.ExitCode(err))
		}
		absent(name)
	}
	other := newGroup(t, 4, small())
	_, err = replica.Restore(t.Context(), func() replica.Config {
		cfg := other.config(1)
		cfg.DataDir = filepath.Join(t.TempDir(), "new")
		return cfg
	}(), b.File, nil)
	if err == nil || replica.ExitCode(err) != replica.ExitSurroundings || !strings.Contains(err.Error(), "of another group") {
		t.Errorf("another group's: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	calls := 0
	_, err = replica.Restore(ctx, g.config(1), b.File, func(uint64, uint64) {
		if calls++; calls == 1 { // verified, and about to be installed
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	absent("what was given up")
	// What a restore left that was killed is in the way of nothing.
	if err := os.MkdirAll(g.config(1).DataDir+".restoring/state", 0o700); err != nil {
		t.Fatal(err)
	}
	put("r1.restoring/VERSION", []byte("half"))
	put("r1.restoring/state/MANIFEST", []byte("half"))
	if _, err := g.restore(1, b.File); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(g.config(1).DataDir + ".restoring"); !errors.Is(err, os.ErrNotExist) {
		t.Error("the staging folder stays")
	}
}

// successor returns a group with new replicas that begins with a backup, none of
// them started.
func (g *group) successor(b *replica.Backup) *group {
	g.t.Helper()
	next := layOut(g.t, 4, g.group.Genesis.Parameters, func(genesis *consensus.Genesis) {
		genesis.Name, genesis.Origin, genesis.Clients = "successor", b.Origin(), b.Clients()
	})
	next.client = g.client
	g.t.Cleanup(func() {
		for i := range 4 {
			next.end(i)
		}
	})
	return next
}

// R8, R23, R27: after a lost quorum a new group begins with the backup of the old
// one: its data and its clients are there, every member has the same state, and a
// receipt of the old group still proves what it proved.
func TestRestoreNewGroup(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.dial()
	put, err := c.Invoke(t.Context(), kv.Put([]byte("colour"), []byte("green")), client.WithReceipt())
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := put.Receipt()
	if err != nil {
		t.Fatal(err)
	}
	snapshotted(t, g, c, 32, 0, 1)
	b := g.saved(1, "b")
	for i := range 4 {
		g.end(i)
	}
	next := g.successor(b)
	if err := func() error { _, err := replica.New(next.config(0), kv.New()); return err }(); !errors.Is(err, statemachine.ErrOrigin) ||
		strings.Contains(err.Error(), "\n") || replica.ExitCode(err) != replica.ExitSurroundings {
		t.Errorf("a start without the state: %v", err)
	}
	for i := range 4 {
		if got, err := next.restore(i, b.File); err != nil || got.Digest != b.Digest || len(got.Signers) != 0 {
			t.Fatalf("%v: %+v", err, got)
		}
		only(t, next.config(i).DataDir, "LOCK", "VERSION", "log", "state")
		next.start(i)
	}
	d := next.dial()
	if v, err := kv.DecodeGet(invoke(t, d, kv.Get([]byte("colour"))).Value); err != nil || string(v.Bytes) != "green" {
		t.Errorf("colour is %q, %v", v.Bytes, err)
	}
	invoke(t, d, kv.Put([]byte("colour"), []byte("blue")))
	snapshotted(t, next, d, 32, 0, 1, 2, 3) // its own snapshots are certified: all states are equal
	later := next.saved(2, "later")
	if later.Group == b.Group || later.Digest == b.Digest {
		t.Errorf("%+v", later)
	}
	if err := receipt.Verify(g.group, crypto.Ed25519); err != nil {
		t.Errorf("a receipt of the old group: %v", err)
	}
	if err := receipt.Verify(next.group, crypto.Ed25519); err == nil {
		t.Error("a receipt of the old group passes for one of the new group")
	}
	if _, err := replica.VerifyBackup(t.Context(), b.File, next.group, nil); err != nil {
		t.Errorf("the origin, checked with the new group's file: %v", err)
	}
	// R91: a folder that nobody said to be new may be that of a member which lost it.
	lost := g.successor(b)
	if err := os.RemoveAll(lost.config(0).DataDir); err != nil {
		t.Fatal(err)
	}
	if got, err := lost.restore(0, b.File); err != nil || !got.Recovers {
		t.Errorf("%v: %+v", err, got)
	}
	only(t, lost.config(0).DataDir, "LOCK", "RECOVER", "VERSION", "log", "state")
	// Another backup of the old group is none that this one begins with.
	if _, err := g.successor(later).restore(0, b.File); err == nil || !strings.Contains(err.Error(), "of another group") {
		t.Errorf("another origin: %v", err)
	}
}

// R95: the backup is looked at again while it is installed; one that changed since
// it was verified is not believed.
func TestRestoreChanged(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.dial()
	for i := range 20 {
		invoke(t, c, kv.Put(fmt.Appendf(nil, "k%d", i), []byte("v")))
	}
	snapshotted(t, g, c, 16, 1, 2)
	b := g.saved(1, "b")
	file, err := os.ReadFile(b.File)
	if err != nil {
		t.Fatal(err)
	}
	snapshotted(t, g, c, b.Sequence+16, 2)
	newer := g.saved(2, "newer")
	g.end(1)
	g.moveAway(1)
	changed := bytes.Clone(file)
	changed[len(changed)-100] ^= 1
	sum := sha256.Sum256(changed[:len(changed)-32])
	copy(changed[len(changed)-32:], sum[:])
	other, err := os.ReadFile(newer.File)
	if err != nil {
		t.Fatal(err)
	}
	for name, swap := range map[string][]byte{"damaged": changed, "cut": file[:len(file)-60], "a newer one": other} {
		if err := os.WriteFile(b.File, file, 0o600); err != nil {
			t.Fatal(err)
		}
		done := false
		_, err := replica.Restore(t.Context(), g.config(1), b.File, func(now, all uint64) {
			if now == all && !done {
				done = true
				if err := os.WriteFile(b.File, swap, 0o600); err != nil {
					t.Error(err)
				}
			}
		})
		if err == nil || name == "a newer one" && !strings.Contains(err.Error(), "was replaced by another backup") {
			t.Errorf("%s: restored, or refused for another reason: %v", name, err)
		}
		if _, err := os.Stat(g.config(1).DataDir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a data folder is there", name)
		}
	}
}
