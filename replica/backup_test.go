package replica_test

import (
	"bytes"
	"context"
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
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// backup writes a backup of replica i, which may run.
func (g *group) backup(i int, name string) (*replica.Backup, error) {
	return replica.SaveBackup(g.t.Context(), replica.BackupRequest{
		DataDir: g.config(i).DataDir, Group: g.group, Out: filepath.Join(g.folder, name), Rate: replica.BackupRateMax,
	})
}

// saved is backup, which must succeed and hold.
func (g *group) saved(i int, name string) *replica.Backup {
	g.t.Helper()
	b, err := g.backup(i, name)
	if err != nil {
		g.t.Fatal(err)
	}
	again, err := replica.VerifyBackup(g.t.Context(), b.File, g.group, nil)
	if err != nil || again.Digest != b.Digest || again.Sequence != b.Sequence || again.FileBytes != b.FileBytes || len(b.Signers) < 3 {
		g.t.Fatalf("%v: %+v, and as it was written %+v", err, again, b)
	}
	return b
}

// only fails the test if a folder has anything but the names in it.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, e := range left {
		have = append(have, e.Name())
	}
	if fmt.Sprint(have) != fmt.Sprint(names) {
		t.Errorf("%s holds %v, want %v", dir, have, names)
	}
}

// snapshotted invokes until every replica has a snapshot at or above a sequence
// number, as the status says.
func snapshotted(t *testing.T, g *group, c *client.Client, at consensus.Sequence, replicas ...int) {
	t.Helper()
	await(t, fmt.Sprintf("a snapshot at %d", at), func() bool {
		invoke(t, c, kv.Increment([]byte("n"), 1))
		for _, i := range replicas {
			if g.replica[i].Status().Snapshot < at {
				return false
			}
		}
		return true
	})
}

// R55, R93: a backup of a group under load is of one certified snapshot, the same
// from whichever replica; it gets its name only when it is whole, and never
// replaces anything.
func TestBackupUnderLoad(t *testing.T) {
	g := newGroup(t, 4, small())
	if _, err := g.backup(1, "young"); !errors.Is(err, replica.ErrNoSnapshot) || !strings.Contains(err.Error(), "every 16 sequence numbers") ||
		strings.Contains(err.Error(), "\n") || replica.ExitCode(err) != replica.ExitSurroundings {
		t.Errorf("a group without a snapshot: %v", err)
	}
	c := g.dial()
	snapshotted(t, g, c, 16, 0, 1, 2, 3)
	ctx, stop := context.WithCancel(t.Context())
	loaded := make(chan int)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			key := fmt.Appendf(nil, "k%d", n%500)
			if _, err := c.Invoke(ctx, kv.Put(key, bytes.Repeat(key, 50))); err != nil {
				break
			}
		}
		loaded <- n
	}()
	digests := map[consensus.Sequence]crypto.Digest{}
	n := 0
	await(t, "backups of four snapshots", func() bool {
		b := g.saved(n%4, fmt.Sprintf("b%d", n))
		if d, ok := digests[b.Sequence]; ok && d != b.Digest {
			t.Errorf("two digests for snapshot %d", b.Sequence)
		}
		digests[b.Sequence] = b.Digest
		if b.Executed < b.Sequence || b.Sequence%16 != 0 || len(b.Clients()) != 1 {
			t.Errorf("%+v", b)
		}
		n++
		return len(digests) >= 4 && n >= 12
	})
	stop()
	t.Logf("%d operations beside %d backups", <-loaded, n)
	before, err := os.ReadFile(filepath.Join(g.folder, "b0"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.backup(0, "b0"); err == nil || !strings.Contains(err.Error(), "never written over another") {
		t.Errorf("over another backup: %v", err)
	}
	if after, err := os.ReadFile(filepath.Join(g.folder, "b0")); err != nil || !bytes.Equal(before, after) {
		t.Error("the older backup was touched")
	}
	if left, err := os.ReadDir(g.folder); err != nil || len(left) != n+4 {
		t.Errorf("%d files beside %d backups and 4 replicas", len(left)-n-4, n)
	}
}

// A backup that is given up, by whichever side, leaves no file, and the next one
// succeeds; two at once of one replica are refused.
func TestBackupGivenUp(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.dial()
	for i := range 40 {
		invoke(t, c, kv.Put(fmt.Appendf(nil, "k%d", i), bytes.Repeat([]byte{byte(i)}, 60_000)))
	}
	snapshotted(t, g, c, 32, 2)
	ctx, stop := context.WithCancel(t.Context())
	slow := slowBackup{replica.BackupRequest{DataDir: g.config(2).DataDir, Group: g.group, Out: filepath.Join(g.folder, "slow"), Rate: 1}}
	done := make(chan error, 1)
	go func() {
		_, err := replica.SaveBackup(ctx, slow.BackupRequest)
		done <- err
	}()
	await(t, "the slow backup is under way", slow.underWay)
	if _, err := g.backup(2, "second"); err == nil || !strings.Contains(err.Error(), "another backup of this replica is under way") {
		t.Errorf("two at once: %v", err)
	}
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	await(t, "the replica sees it", func() bool {
		_, err := g.backup(2, "third")
		return err == nil
	})
	// The replica ends while it streams: what came is no backup.
	go func() {
		_, err := replica.SaveBackup(t.Context(), slow.BackupRequest)
		done <- err
	}()
	await(t, "the slow backup is under way again", slow.underWay)
	g.end(2)
	if err := <-done; err == nil {
		t.Error("half a backup was believed")
	}
	only(t, g.folder, "r0", "r1", "r2", "r3", "third")
}

// A slowBackup takes some seconds.
type slowBackup struct{ replica.BackupRequest }

// underWay says whether something of it has been written.
func (s slowBackup) underWay() bool {
	dir, name := filepath.Split(s.Out)
	left, err := filepath.Glob(filepath.Join(dir, "."+name+".partial-*"))
	if err != nil || len(left) == 0 {
		return false
	}
	info, err := os.Stat(left[0])
	return err == nil && info.Size() > 0
}

// What comes to stand in the place of the file while a backup is under way, stays.
func TestBackupTakesNoPlace(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.dial()
	snapshotted(t, g, c, 16, 1)
	q := replica.BackupRequest{DataDir: g.config(1).DataDir, Group: g.group, Out: filepath.Join(g.folder, "b")}
	q.Report = func(uint64, uint64) {
		if err := os.WriteFile(q.Out, []byte("mine"), 0o600); err != nil {
			t.Error(err)
		}
	}
	if b, err := replica.SaveBackup(t.Context(), q); err == nil {
		t.Errorf("%+v", b)
	}
	if text, err := os.ReadFile(q.Out); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
}

// R87: the folder of a replica that does not run gives a backup too, under its lock;
// one that is no folder of the group, or damaged, gives none.
func TestBackupOfFolder(t *testing.T) {
	g := newGroup(t, 4, small())
	c := g.dial()
	for i := range 50 {
		invoke(t, c, kv.Put(fmt.Appendf(nil, "k%d", i), []byte("v")))
	}
	snapshotted(t, g, c, 48, 0, 1)
	running := g.saved(0, "running")
	for i := range 4 {
		g.end(i)
	}
	stopped := g.saved(0, "stopped")
	if stopped.Sequence < running.Sequence || !stopped.Stopped || stopped.Executed < stopped.Sequence {
		t.Errorf("%+v after %+v", stopped, running)
	}
	if stopped.Sequence == running.Sequence {
		a, errA := os.ReadFile(running.File)
		b, errB := os.ReadFile(stopped.File)
		if errA != nil || errB != nil || !bytes.Equal(a[:len(a)/2], b[:len(b)/2]) {
			t.Error("one snapshot, two backups")
		}
	}
	for i := range 10 { // each lets go of the folder before it returns
		b, err := g.backup(0, fmt.Sprint("again", i))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(b.File); err != nil {
			t.Fatal(err)
		}
	}
	g.start(0) // the folder is as it was
	g.end(0)
	request := func(dir string) error {
		_, err := replica.SaveBackup(t.Context(), replica.BackupRequest{DataDir: dir, Group: g.group, Out: filepath.Join(g.folder, "none")})
		return err
	}
	if err := request(g.folder); err == nil || !strings.Contains(err.Error(), "none ever ran there") {
		t.Errorf("no data folder: %v", err)
	}
	other := newGroup(t, 4, small())
	if err := request(other.config(0).DataDir); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("a running replica of another group: %v", err)
	}
	other.end(0)
	if err := request(other.config(0).DataDir); err == nil || !strings.Contains(err.Error(), "belongs to no replica of group") {
		t.Errorf("the folder of another group: %v", err)
	}
	held, err := replica.New(g.config(3), kv.New())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := request(g.config(3).DataDir); err == nil || !strings.Contains(err.Error(), "is in use") {
		t.Errorf("a folder in use: %v", err)
	}
	only(t, g.folder, "r0", "r1", "r2", "r3", "running", "stopped")
}

// What the socket is asked wrongly is refused.
func TestBackupRate(t *testing.T) {
	g := newGroup(t, 4, small())
	for _, rate := range []int{-1, replica.BackupRateMax + 1} {
		_, err := replica.SaveBackup(t.Context(), replica.BackupRequest{
			DataDir: g.config(1).DataDir, Group: g.group, Out: filepath.Join(g.folder, "b"), Rate: rate,
		})
		if err == nil || !strings.Contains(err.Error(), "MiB per second") {
			t.Errorf("rate %d: %v", rate, err)
		}
	}
}
