package sim

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/varangian-bft/varangian/store/log"
	"github.com/varangian-bft/varangian/store/log/logtest"
)

// errIO is what a call of a disk answers that a plan lets fail.
var errIO = errors.New("input/output error")

// What of a disk a Fail step lets fail.
const (
	FailWrite = "write" // of the log
	FailSync  = "sync"  // of the log
	FailAny   = "any"   // whatever changes the log or its folder
	FailState = "state" // a write of the state
)

var failOps = map[string][]logtest.Op{
	FailWrite: {logtest.OpWrite},
	FailSync:  {logtest.OpSync, logtest.OpSyncDir},
	FailAny: {
		logtest.OpWrite, logtest.OpSync, logtest.OpSyncDir, logtest.OpCreate, logtest.OpRename, logtest.OpRemove, logtest.OpClose,
	},
	FailState: {},
}

var failNames, rotNames = slices.Sorted(maps.Keys(failOps)), harmNames()

func harmNames() (names []string) {
	for _, h := range logtest.Harms {
		names = append(names, string(h))
	}
	return names
}

// retryAfter is how long a replica that ended for want of room waits until it is
// started again, by whatever starts processes.
const retryAfter = time.Second

// trouble is what a replica's disk has in store for it.
type trouble struct {
	fail   Step          // the failure that is coming
	left   int           // calls until then; 0 if none is coming
	failed bool          // a call of the log failed in this life
	full   time.Duration // there is no room until then
	short  bool          // the log was told so in this life
	stray  int           // writes of the log until one goes astray; 0 for never
	old    *logtest.Disk // of which something comes back

	// harmed says that the disk did wrong since the log was opened last: it may be
	// refused then, and the replica counts as bad. lagging says that the mark may be
	// behind what was synced, after a loss of power or a write that failed. Where both
	// come together a log cannot tell a torn end from one that rotted (package log
	// says so): only then may it forget in silence, which is what R91 is for.
	harmed, lagging bool
}

// Kill ends the replica's process. Its disk keeps what was written, synced or not.
func (r *Replica) Kill() {
	r.storer.crash()
	r.stop()
	r.disk.Kill()
}

// harm does what concerns one replica's disk. What makes no sense in its state, as
// in a shrunk schedule, is passed over.
func (w *World) harm(s Step) {
	r := w.replicas[s.Replica]
	t := &r.trouble
	switch {
	case s.Do == Kill && r.up:
		w.fault(s.Replica, "kill", "")
		r.Kill()
	case s.Do == Fail && r.up:
		w.fault(s.Replica, "fail", ": %s, after %d", s.How, s.After)
		t.fail, t.left = s, s.After
		r.watch()
	case s.Do == Fill:
		w.fault(s.Replica, "fill", " for %v", s.For)
		t.full = max(t.full, w.now+s.For)
		r.watch()
	case s.Do == Misdirect && r.up:
		w.fault(s.Replica, "misdirect", ", after %d", s.After)
		t.stray = s.After
		r.disk.Redirect = r.redirect
	case s.Do == Rot && !r.up:
		other := w.replicas[(s.Replica+1)%len(w.replicas)].disk
		t.harmed = true
		what := r.disk.Harm(logtest.Harm(s.How), other, r.chance.IntN)
		w.coverage.count("fault rot " + s.How)
		w.fault(s.Replica, "rot", ": %s", what)
	case s.Do == Stale && r.up:
		old := r.disk.Clone()
		t.old = old
		w.after(s.For, func() { r.age(old) })
	}
}

// age ends the replica's process, and lets its disk return something of before.
func (r *Replica) age(old *logtest.Disk) {
	if !r.up || r.trouble.old != old {
		return
	}
	r.Kill()
	r.trouble.harmed = true
	r.world.fault(int(r.id), "stale", ": %s", r.disk.Age(old, r.chance.IntN))
}

// setAside takes a log away that was refused, and lets the replica start with an
// empty one, and without a vote (R83, R92). The state is another file.
func (r *Replica) setAside(err error) {
	r.disk, r.trouble, r.kept = logtest.NewDisk(), trouble{full: r.trouble.full}, kept{first: 1}
	r.began, r.proof, r.forgot, r.since = false, false, err.Error(), true
}

// sound ends all that a disk still has in store.
func (r *Replica) sound() {
	t := &r.trouble
	t.left, t.stray, t.full, t.old = 0, 0, 0, nil
	r.disk.Redirect = nil
	r.watch()
}

// watch looks at the calls of the log only while one of them may fail.
func (r *Replica) watch() {
	r.disk.Watch = nil
	if t := &r.trouble; t.left > 0 || t.failed || r.world.now < t.full {
		r.disk.Watch = r.answer
	}
}

// answer is what a call of the log gets. After an error nothing may be asked any
// more but to close the files (R81).
func (r *Replica) answer(c logtest.Call) error {
	t := &r.trouble
	switch {
	case t.failed && c.Op != logtest.OpClose:
		r.world.checks.fail("errors are final", "%s asks its disk to %s after an error", replicaName(int(r.id)), c)
		return errIO
	case t.left > 0 && slices.Contains(failOps[t.fail.How], c.Op):
		if t.left--; t.left == 0 {
			t.failed, t.lagging = true, true
			return errIO
		}
	case c.Op == logtest.OpCreate && r.world.now < t.full:
		t.short = true
		return log.ErrNoSpace
	}
	return nil
}

// redirect lets one write go astray.
func (r *Replica) redirect(c logtest.Call) (to logtest.Place, astray bool) {
	t := &r.trouble
	if t.stray == 0 {
		return to, false
	}
	if t.stray--; t.stray > 0 {
		return to, false
	}
	t.harmed = true
	to = r.disk.Astray(c, r.chance.IntN)
	r.world.fault(int(r.id), "stray", ": %s goes to %q at %d", c, to.Name, to.Offset)
	return to, true
}

// logged takes what a call of the log answered, and reports whether the replica
// goes on. An error that the disk gave has to come out of the log, at once, and it
// ends the process (R81, R88).
func (r *Replica) logged(doing string, err error) bool {
	t := &r.trouble
	switch {
	case err == nil && !t.failed && !t.short:
		return true
	case err == nil:
		r.world.checks.fail("errors are final", "%s goes on after an error of its disk", replicaName(int(r.id)))
	case t.failed && errors.Is(err, errIO):
		r.ends("by an error of the log", t.fail.For, t.fail.Power)
		return false
	case t.short && errors.Is(err, log.ErrNoSpace):
		r.ends("for want of room for the log", retryAfter, false)
		return false
	default:
		r.world.checks.fail("disk", "%s: %s: %v", replicaName(int(r.id)), doing, err)
	}
	return false
}

// stored reports whether the state's disk takes a write now, and otherwise ends the
// process, in the middle of the write if that fails.
func (r *Replica) stored() bool {
	t := &r.trouble
	if r.world.now < t.full {
		r.ends("for want of room for the state", retryAfter, false)
		return false
	}
	if t.left == 0 || t.fail.How != FailState {
		return true
	}
	if t.left--; t.left > 0 {
		return true
	}
	r.ends("by an error of the state", t.fail.For, t.fail.Power)
	return false
}

// ends is what an error of the disk makes of a replica: its process ends, nothing
// more leaves, and something starts it again later (R81, R88).
func (r *Replica) ends(why string, down time.Duration, power bool) {
	w := r.world
	w.fault(int(r.id), "end "+why, "")
	r.storer.crash()
	r.stop()
	if power {
		r.losePower(Loss{Lost: 1. / 3, Torn: 1. / 2})
	} else {
		r.disk.Kill()
	}
	r.startLater(down)
}

// startLater starts the replica again unless something else does.
func (r *Replica) startLater(after time.Duration) {
	life := r.life
	r.world.after(after, func() {
		if !r.up && r.life == life {
			r.world.restart(r)
		}
	})
}
