package replica

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/statemachine"
)

// R81, R88: what the disk answered is no damage to what lies there, also if only its
// words have come through Badger: a state that is set aside for it is fetched for
// nothing.
func TestDiskErrorsAreNoDamage(t *testing.T) {
	for _, cause := range []error{unix.EIO, unix.EROFS, unix.ENOSPC, unix.EDQUOT, unix.EMFILE, unix.EACCES} {
		for _, err := range []error{fmt.Errorf("open: %w", cause), errors.New("While syncing directory: d. err: sync d: " + cause.Error())} {
			if stateDamaged(err) {
				t.Errorf("%v is taken for damage", err)
			}
		}
	}
	if err := errors.New(unix.ENOSPC.Error()); ExitCode(diskError("state", err)) != ExitRoom {
		t.Error("want of room is not known by its words")
	}
	for _, err := range []error{statemachine.ErrRot, errors.New("file does not exist"), errGivenUp} {
		if !stateDamaged(err) {
			t.Errorf("%v is taken for no damage", err)
		}
	}
}
