package replica

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/replica/core"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/store/state"
)

// openState opens the state, and builds what is fed from it. One that cannot be read
// is set aside and fetched from the others: what this replica promised is in its log,
// and the log names no state that the others do not have.
func (r *Replica) openState(app statemachine.Application, id crypto.Digest) error {
	err := errGivenUp
	if _, a := readAlarm(r.folder.path); a == nil || !a.GiveUp {
		err = r.tryState(app, id)
	}
	if err == nil || !stateDamaged(err) {
		return stateError(err)
	}
	if err := r.mayForget(err.Error()); err != nil {
		return err
	}
	if r.store != nil {
		if err := r.store.Close(); err != nil {
			return stateError(err)
		}
		r.store = nil
	}
	if !errors.Is(err, errGivenUp) { // of that the alarm speaks already
		if err := r.folder.raise(err.Error(), time.Now()); err != nil {
			return err
		}
	}
	as, aside := r.folder.setAside("state")
	if aside != nil {
		return aside
	}
	if err := r.folder.givenUp(); err != nil {
		return err
	}
	r.logger.Error("the state cannot be used: it is set aside and fetched from the others", "kept_as", as, "reason", err)
	r.emptied = true
	return stateError(r.tryState(app, id))
}

func (r *Replica) tryState(app statemachine.Application, id crypto.Digest) (err error) {
	r.store, err = state.Open(state.Config{Dir: r.folder.in("state"), Identity: id, Logger: r.logger, Failed: r.failState})
	if err != nil {
		r.store = nil
		return err
	}
	return r.build(app)
}

// stateDamaged says whether another state in the place of this one helps.
func stateDamaged(err error) bool {
	var said *Error
	final := lacksRoom(err) || errors.As(err, &said)
	for _, cause := range []error{state.ErrForeign, state.ErrFormat, unix.EIO, unix.EROFS, unix.EACCES, unix.EPERM} {
		final = final || tells(err, cause)
	}
	return !final
}

// build makes the parts that are fed from the state.
func (r *Replica) build(app statemachine.Application) error {
	marker, err := r.store.Marker()
	if err != nil {
		return built(err)
	}
	// Of a state that was set aside a moment ago the alarm says more already.
	if !r.emptied && !r.folder.fresh && r.folder.forgot == "" && marker == (statemachine.Marker{}) {
		if err := r.mayForget("the state is missing beside the log"); err != nil {
			return err
		}
		r.logger.Error("the state is missing beside the log: it is fetched from the others")
		if err := r.folder.raise("the state is missing beside the log", time.Now()); err != nil {
			return err
		}
		r.emptied = true
	}
	machine, err := statemachine.NewMachine(app, r.cfg.Group, r.store)
	if err != nil {
		return built(err)
	}
	fetched, err := openSpool(r.folder.in("fetched"))
	if err != nil {
		return failure(ExitDisk, "data folder: %w", err)
	}
	served := &spool{folder: r.folder.in("served")}
	if err := served.Reset(); err != nil { // what an earlier process served is of no use
		return failure(ExitDisk, "data folder: %w", err)
	}
	r.wire(machine, fetched, served)
	if r.storer.snapshots, r.found.Snapshot, err = core.NewSnapshotter(r.cfg.Group, r.storer.reads); err != nil {
		return built(err)
	}
	r.found.History, r.found.Enrolled = machine.History(), len(machine.Enrolments())
	if r.found.Marker, err = r.store.Marker(); err != nil {
		return built(err)
	}
	return nil
}

// built gives an error of what is in a state that was opened its status, unless it is
// rot: then another state helps.
func built(err error) error {
	if err == nil || errors.Is(err, statemachine.ErrRot) {
		return err
	}
	return stateError(err)
}
