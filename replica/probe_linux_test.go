package replica

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// R88: a probe has no name, so that a process that is killed meanwhile leaves nothing
// of it: the next start would look for the room that it takes, and wait for ever. And
// it needs no larger file than the replica itself does.
func TestProbe(t *testing.T) {
	f := &folder{path: t.TempDir()}
	file, err := nameless(f.in("probe"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := preallocate(file, 1<<20); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(f.path); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit := func(l unix.Rlimit) {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &l); err != nil {
			t.Error(err)
		}
	}
	limit(unix.Rlimit{Cur: ballastBytes, Max: before.Max})
	defer limit(before)
	if err := os.MkdirAll(filepath.Join(f.path, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.fits(1 << 20); err != nil {
		t.Errorf("under a limit that every file of the replica keeps to: %v", err)
	}
	limit(unix.Rlimit{Cur: ballastBytes - 1, Max: before.Max})
	if err := f.fits(1 << 20); ExitCode(err) != ExitRoom {
		t.Errorf("under a lower limit: %v", err)
	}
	limit(before)
	if left, err := os.ReadDir(f.path); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}
