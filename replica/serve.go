package replica

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/varangian-bft/varangian/statemachine"
)

const (
	// waitInterval is how often a replica that waits for room looks for it.
	waitInterval = time.Second
	// A replica that runs out of room again and again, each time within steadyTime,
	// waits longer from time to time, up to waitMax.
	steadyTime = 5 * time.Second
	waitMax    = time.Minute
	// releaseTimeout bounds how long a replica that failed takes to close its files;
	// what it promised is on the disk already.
	releaseTimeout = 5 * time.Second
)

// Serve runs a replica as New and Run do, and starts it again when it stopped for
// want of room and there is room again: it logs one line, closes what it had open,
// and waits (R88). `replica status` says meanwhile what is lacking. Any other end
// is Serve's too; the end of the context is none that is an error.
func Serve(ctx context.Context, cfg Config, app statemachine.Application, opts ...Option) error {
	self, err := cfg.complete()
	if err != nil {
		return configError(err)
	}
	for wait := time.Duration(0); ; {
		began := time.Now()
		r, err := start(cfg, self, app, opts)
		if err == nil {
			err = r.runOnce(ctx)
		}
		if errors.Is(err, errGivenUp) {
			if r.awaitClosed(ctx) {
				continue
			}
			return err
		}
		if ExitCode(err) != ExitRoom {
			r.awaitRelease(err)
			return err
		}
		if wait = min(2*wait+waitInterval, waitMax); time.Since(began) > steadyTime {
			wait = waitInterval
		}
		if again, err := r.awaitRoom(ctx, err, wait); !again {
			return err
		}
	}
}

// awaitRoom returns true once there is room, and everything that the replica had
// open is closed; false if the context ends before, or the disk fails meanwhile.
func (r *Replica) awaitRoom(ctx context.Context, lack error, wait time.Duration) (again bool, err error) {
	r.logger.Error("replica waits for room, and goes on by itself when there is", "reason", lack)
	var control func()
	told := false
	defer func() {
		if control != nil {
			control()
		}
	}()
	tick := time.NewTicker(waitInterval)
	defer tick.Stop()
	for left := wait; ; left -= waitInterval {
		if control == nil { // without a descriptor for it, say, it has to wait as well
			var err error
			control, err = serveControl(r.folder.path, func() []byte { return r.waitingJSON(lack) }, noBackup)
			if err != nil && !told {
				told = true
				r.logger.Warn("replica status gets no answer yet; the socket is tried again", "reason", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false, nil
		}
		if left > 0 {
			continue
		}
		select {
		case <-r.released:
		default:
			continue
		}
		if r.unclosed != nil {
			return false, r.unclosed
		}
		if next := r.folder.fits(r.cfg.SegmentBytes); next == nil {
			r.logger.Info("there is room: replica starts again")
			return true, nil
		} else if ExitCode(next) != ExitRoom {
			return true, nil // the start says it better
		}
	}
}

func noBackup(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "it waits for room on its disk", http.StatusServiceUnavailable)
}

// waitingJSON is the status of a replica that waits.
func (r *Replica) waitingJSON(lack error) []byte {
	g := &r.cfg.Group.Genesis
	text, err := json.MarshalIndent(Status{
		Replica: r.self, Name: g.Replicas[r.self].Name, Group: g.Name, GroupID: r.cfg.Group.ID.String(),
		Room: lack.Error(), Connected: []string{}, Uptime: time.Since(r.started).Seconds(),
	}, "", "  ")
	if err != nil {
		return []byte("{}") // a Status always encodes
	}
	return text
}

// release closes what the replica has open, when nothing uses it any more. When the
// state's disk failed it stays open, as in a crash: closing it writes, and would not
// end (R81). Without room it waits until closing has the room that it needs.
func (r *Replica) release(cause error) {
	defer close(r.released)
	if r.log != nil {
		if err := r.log.Close(); err != nil && cause == nil {
			r.logger.Error("log", "reason", err)
		}
	}
	r.unclosed = r.closeState(cause)
	r.folder.close()
}

// closeState returns an error if it left the state open.
func (r *Replica) closeState(cause error) error {
	if r.store == nil {
		return nil
	}
	if r.rotten.Load() {
		return failure(ExitDisk, "state: its disk has failed; it is left as in a crash")
	}
	tick := time.NewTicker(waitInterval)
	defer tick.Stop()
	for err := r.store.CanClose(); err != nil; err = r.store.CanClose() {
		failed := diskError("state", err)
		if ExitCode(cause) != ExitRoom || ExitCode(failed) != ExitRoom {
			r.logger.Warn("the state is left as in a crash, and the next start takes longer", "reason", err)
			return failed
		}
		<-tick.C
	}
	if err := r.store.Close(); err != nil {
		r.logger.Error("state", "reason", err)
	}
	return nil
}

// awaitRelease waits until everything is closed; after a failure not for long.
func (r *Replica) awaitRelease(cause error) {
	if cause == nil {
		<-r.released
		return
	}
	timer := time.NewTimer(r.patience)
	defer timer.Stop()
	select {
	case <-r.released:
	case <-timer.C:
	}
}

// awaitClosed returns true once everything is closed, however long that takes: what
// begins next in this process needs the lock, and no one else writing to the state.
// It returns false if the context ends before, or the state had to be left open.
func (r *Replica) awaitClosed(ctx context.Context) bool {
	select {
	case <-r.released:
		return r.unclosed == nil
	case <-ctx.Done():
		r.awaitRelease(errGivenUp)
		return false
	}
}
