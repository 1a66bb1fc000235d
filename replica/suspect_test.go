package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/replica/core"
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

// R51: a state that is given up begins again at once, but not if the disk ruins it while
// it is fetched in the place of one that was set aside at this start: then somebody has
// to look at it. The next start sets it aside all the same.
func TestRuinedAgain(t *testing.T) {
	for _, c := range []struct {
		name     string
		emptied  bool
		repaired []consensus.Sequence
		want     error
	}{
		{"its own", false, nil, errGivenUp},
		{"fetched anew, and not all of it", true, nil, errRuinedAgain},
		{"fetched anew, and ruined later", true, []consensus.Sequence{8}, errGivenUp},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &Replica{folder: &folder{path: t.TempDir()}, emptied: c.emptied, logger: slog.New(slog.DiscardHandler)}
			r.inner, r.stop = context.WithCancelCause(t.Context())
			r.alarms(&core.Output{Repaired: c.repaired})
			r.alarms(&core.Output{Alarm: []string{"a filter"}, GiveUp: true})
			err := context.Cause(r.inner)
			if !errors.Is(err, c.want) || ExitCode(err) != ExitDisk {
				t.Errorf("it ends with %v", err)
			}
			if _, a := readAlarm(r.folder.path); a == nil || !a.GiveUp || !a.Open || a.Reason != "a filter" {
				t.Errorf("the alarm is %+v", a)
			}
		})
	}
}
