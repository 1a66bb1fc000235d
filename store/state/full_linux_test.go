package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/storetest"
)

const smallVariable = "VARANGIAN_STATE_TEST_SMALL_DISK"

// onSmallDisk runs the test that calls it once more, in a process and a mount
// namespace of its own, with a file system of some MiB, on which it gets a folder.
// It returns "" in the first process.
func onSmallDisk(t *testing.T, size string) string {
	t.Helper()
	if dir := os.Getenv(smallVariable); dir != "" {
		if err := errors.Join(
			unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
			unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size),
		); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	c.Env = append(os.Environ(), smallVariable+"="+t.TempDir())
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
	c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	out, err := c.CombinedOutput()
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOSPC):
		t.Skip("this machine lets no process have a mount namespace:", err) // TestNoSpace shows the same without a full disk
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	}
	return ""
}

// fill leaves about so many bytes free.
func fill(t *testing.T, dir string, leave uint64) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	if free := s.Bavail * uint64(s.Bsize); free > leave {
		if err := unix.Fallocate(int(f.Fd()), 0, 0, int64(free-leave)); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// window is a megabyte of changes.
func window(seed uint64) []statemachine.Change {
	var out []statemachine.Change
	for i := range uint64(1024) {
		key := binary.BigEndian.AppendUint64([]byte("key "), seed<<16|i)
		out = append(out, statemachine.Change{Key: key, Value: bytes.Repeat(key[4:], 125)})
	}
	return out
}

// R88: a full disk is an error that leaves everything in order, whenever it comes.
// Badger alone dies of SIGBUS here, and at each start again.
func TestFullDisk(t *testing.T) {
	base := onSmallDisk(t, "260m")
	if base == "" {
		return
	}
	dir := filepath.Join(base, "state")
	v, good := statemachine.Version(0), uint64(0)
	for round := range 4 {
		s, err := Open(Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		filler := fill(t, base, uint64(70+10*round)<<20)
		written := 0
		for {
			next := storetest.VersionAt(int(v.Sequence())+128, 0)
			err = s.Apply(window(good), storetest.MarkerAt(next))
			if err != nil {
				break
			}
			v, good, written = next, (good+1)%24, written+1 // the state stays at 24 MiB
		}
		storetest.WantErr(t, "apply", err, statemachine.ErrNoSpace)
		storetest.WantMarker(t, s, storetest.MarkerAt(v))
		t.Logf("round %d: %d MiB written until the disk was full: %v", round, written, err)
		if err := s.CanClose(); err != nil {
			t.Errorf("it cannot be closed: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Config{Dir: dir}); !errors.Is(err, statemachine.ErrNoSpace) {
			t.Fatalf("opened on a full disk: %v", err)
		}
		if err := filler.Truncate(0); err != nil {
			t.Fatal(err)
		}
	}
	s := mustOpen(t, dir)
	storetest.WantMarker(t, s, storetest.MarkerAt(v))
}

// R88: what was begun when there was room finds its room, whoever fills the disk
// meanwhile: the log that a memtable writes into is allocated.
func TestDiskFillsUnderWrites(t *testing.T) {
	base := onSmallDisk(t, "260m")
	if base == "" {
		return
	}
	s, err := Open(Config{Dir: filepath.Join(base, "state")})
	if err != nil {
		t.Fatal(err)
	}
	filler := fill(t, base, 0)
	for i := range uint64(12) { // below a memtable, past every check
		b := s.db.newBulk(i + 1)
		for _, c := range window(i) {
			if err := b.set(c.Key, c.Value); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.flush(); err != nil {
			t.Fatal(err)
		}
	}
	storetest.WantErr(t, "pressed", s.Pressed(), statemachine.ErrNoSpace)
	storetest.WantErr(t, "close", s.CanClose(), statemachine.ErrNoSpace)
	if err := filler.Truncate(0); err != nil {
		t.Fatal(err)
	}
	for i := range 24 { // across two memtables, into the claimed log
		mustApply(t, s, storetest.VersionAt(128*(i+1), 0), window(uint64(i))...)
	}
	h, err := s.space.look()
	if err != nil || h.last < 2 {
		t.Fatalf("the log did not change: %+v, %v", h, err)
	}
	info, err := os.Stat(s.space.log(h.last + 1))
	if err != nil || info.Size() != 0 || info.Sys().(*syscall.Stat_t).Blocks*512 < walBytes {
		t.Errorf("the next log is not claimed: %+v, %v", info, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// R88: a table that was cut while it is open is an error, and no fault.
func TestCutTable(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	mustApply(t, s, v128, window(0)...)
	r := reopen(t, s)
	tables, err := filepath.Glob(filepath.Join(r.space.dir, "*.sst"))
	if err != nil || len(tables) != 1 {
		t.Fatal(tables, err)
	}
	if err := os.Truncate(tables[0], 4096); err != nil {
		t.Fatal(err)
	}
	_, _, err = r.Read(window(0)[900].Key, v128)
	storetest.WantErr(t, "read", err, statemachine.ErrRot)
	storetest.WantErr(t, "scan", r.Scan(nil, nil, v128, func(_, _ []byte) bool { return true }), statemachine.ErrRot)
}

// R121: a table that the disk cannot read any more is ruin: what is mapped of it faults.
func TestUnreadableTableIsRuin(t *testing.T) {
	s := damaged(t, tableDamage{do: func(*layout) (int, []byte) { return 0, nil }})
	undo := inPlaceOfTable(t, s, "/proc/self/mem") // whose first page nobody can read
	err := checkAll(s)
	undo()
	storetest.WantErr(t, "check", err, unix.EIO)
	storetest.WantErr(t, "check", err, statemachine.ErrRuined)
}

// R88: a probe that a crash left has no name, and so takes no room from the next start.
func TestProbeIsNameless(t *testing.T) {
	dir := t.TempDir()
	f, err := nameless(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := allocate(f, 1<<20); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}
