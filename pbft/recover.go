package pbft

import (
	"fmt"

	"golang.org/x/crypto/cryptobyte"

	"github.com/varangian-bft/varangian/consensus"
)

// recovery is what a replica knows about votes that it may have forgotten (R92).
// docs/decisions/008-recovery.md has the proof that bound and view suffice.
type recovery struct {
	reason   string             // why it recovers; empty if it does not
	bound    consensus.Sequence // M: it voted on none above
	bounded  bool
	seen     bool                 // a batch above the bound committed,
	seenIn   consensus.ViewNumber // in this view
	from     consensus.ViewNumber // after recovery: it votes in no lower view
	recordAt consensus.Position   // its newest record; 0 if there never was one
	said     string               // all of this in words, for Status
	questions
}

// recovering reports whether this replica may have forgotten votes.
func (e *Engine) recovering() bool { return e.recovery.reason != "" }

// mute reports whether this replica must sign nothing: no vote, CHECKPOINT,
// VIEW-CHANGE or NEW-VIEW. It goes on receiving, executing and serving.
func (e *Engine) mute() bool { return e.recovery.quiet || e.recovering() }

// forget begins recovery: another replica holds something that this one signed and
// its log does not hold (R7).
func (e *Engine) forget(what string, out *consensus.Effects) {
	e.beginRecovery("another replica holds "+what+", signed with this replica's key, and the log here does not: "+
		"the log was rolled back, or the key is in use twice", out)
}

// beginRecovery makes this replica mute, and says so in the log.
func (e *Engine) beginRecovery(reason string, out *consensus.Effects) {
	if e.halted || e.recovering() {
		return
	}
	if e.group.N == 1 {
		e.halt(consensus.CauseForgotten, reason+"; a group of one replica has nobody to recover from: restore it from a backup", out)
		return
	}
	if len(reason) > reasonBytesMax {
		reason = reason[:reasonBytesMax]
	}
	r := &e.recovery
	r.reason, r.bound, r.bounded, r.seen, r.seenIn = reason, 0, false, false, 0
	e.progress.set, e.newViewAlarm.set = false, false
	e.logRecovery(out)
	if !r.quiet { // votes of this very life may be among those forgotten: ask anew
		e.ask()
	}
}

// setBound is called when a quorum but this replica has told its stable
// checkpoints, the highest of which is certified here by now. A correct one among
// them is at most a window below the checkpoint on which this replica's last vote
// rested, and that vote at most a window above it.
func (e *Engine) setBound(out *consensus.Effects) {
	r := &e.recovery
	r.bound, r.bounded = e.certified+2*e.window, true
	e.logRecovery(out)
	for n := r.bound + 1; n <= e.top; n++ {
		if s := e.slots[n]; s != nil && s.certificate != nil {
			e.noteCommitted(s.certificate)
		}
	}
}

// noteCommitted learns a bound on the views that this replica may have asked for.
// Whoever votes above the bound does so after the others answered, and a quorum of
// them was by then no more than one view below the highest that this replica asked
// for.
func (e *Engine) noteCommitted(c *CommitCertificate) {
	r := &e.recovery
	if e.recovering() && r.bounded && !r.seen && c.Header.Sequence > r.bound {
		r.seen, r.seenIn = true, c.Header.View
	}
}

// recovered ends the recovery once a stable checkpoint, whose state is here, covers
// every vote that may be forgotten. Votes in the view of the batch seen above the
// bound would contradict a forgotten VIEW-CHANGE for the next one, which says that
// there are none: this replica votes from the next view on.
func (e *Engine) recovered(out *consensus.Effects) {
	r := &e.recovery
	if !e.recovering() || !r.bounded || !r.seen || r.quiet || min(e.low, e.flushed.sequence) < r.bound {
		return
	}
	if e.view < r.seenIn && e.changing <= r.seenIn { // it may have opened that view itself
		return
	}
	r.reason, r.from = "", max(r.from, r.seenIn+1)
	e.logRecovery(out)
	e.stateCheckpoint(out)
	e.resume(out)
}

// mayVote reports whether this replica may vote in its view.
func (e *Engine) mayVote() bool { return !e.mute() && e.view >= e.recovery.from }

// say puts into words why nothing is signed, and what has to come.
func (r *recovery) say(e *Engine) {
	switch {
	case r.reason == "":
		r.said = ""
	case !r.bounded:
		r.said = fmt.Sprintf("recovering: %s; signs nothing until %d other replicas have answered", r.reason, e.group.Quorum-1)
	default:
		r.said = fmt.Sprintf("recovering: %s; signs nothing until the checkpoint at %d is stable and a batch above it committed (at %d)",
			r.reason, r.bound, e.ordered)
	}
}

// reasonBytesMax bounds the reason in a record.
const reasonBytesMax = 512

// logRecovery records where the recovery stands. What is signed later has a later
// record, and so waits for this one.
func (e *Engine) logRecovery(out *consensus.Effects) consensus.Position {
	r := &e.recovery
	var b cryptobyte.Builder
	b.AddUint64(uint64(r.from))
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(r.reason)) })
	if r.reason != "" && r.bounded {
		b.AddUint64(uint64(r.bound))
	}
	r.recordAt = out.Append(recordRecovery, b.BytesOrPanic())
	r.say(e)
	return r.recordAt
}

// replayRecovery reads where the recovery stood; the last record counts.
func (e *Engine) replayRecovery(x consensus.Record) error {
	r := &e.recovery
	s := cryptobyte.String(x.Data)
	var reason cryptobyte.String
	if !s.ReadUint64((*uint64)(&r.from)) || !s.ReadUint16LengthPrefixed(&reason) || len(reason) > reasonBytesMax || r.from >= numberMax {
		return errRecord
	}
	r.reason, r.bound, r.bounded, r.recordAt = string(reason), 0, false, x.Position
	if r.bounded = !s.Empty(); !r.bounded {
		return nil
	}
	if r.reason == "" || !s.ReadUint64((*uint64)(&r.bound)) || !s.Empty() || r.bound >= numberMax {
		return errRecord
	}
	return nil
}
