package network

import (
	"errors"
	"fmt"
)

// A Reason says why a lane or an attempt to connect ended. Numbers up to
// ReasonBusy travel in the answer to a hello and are part of the wire format.
type Reason uint8

// The reasons.
const (
	ReasonNone     Reason = iota
	ReasonGroup           // the remote belongs to another group: one side has another group's file
	ReasonVersion         // the remote speaks another version of the protocol
	ReasonBusy            // no connection is left for the key
	ReasonGarbage         // bytes that no correct remote sends; also what CutOff was called for
	ReasonOversize        // a frame above the limit of its class (R103)
	ReasonFlood           // more frames or streams per second than allowed
	ReasonPanic           // the handler panicked over a frame (R107)
	ReasonStuck           // it took nothing that was written to it for WriteDeadline
	ReasonSlow            // a frame or hello was begun and not ended in time
	ReasonRemoved         // no longer among the clients
	ReasonReplaced        // it connected anew
	ReasonClosed          // it said good-bye
	ReasonLost            // the connection broke, or the remote vanished
	ReasonRefused         // it closed the connection without a word: it does not list this key
	ReasonIdentity        // another key answered at its address
	ReasonDial            // nothing answered at its address
	ReasonShutdown        // closed here
	ReasonFull            // all clients together hold as much memory as they may
	Reasons               // how many there are
)

var reasonWords = [Reasons]string{
	ReasonNone:     "nothing wrong",
	ReasonGroup:    "it belongs to another group; compare the group files of both sides",
	ReasonVersion:  "it speaks another version of the protocol; run the same release on both sides",
	ReasonBusy:     "no connection is left for this key; close some, or raise the limits of the replica",
	ReasonGarbage:  "it sent bytes that no correct remote sends",
	ReasonOversize: "it sent a frame above the size limit",
	ReasonFlood:    "it sent more frames or streams per second than allowed",
	ReasonPanic:    "the handler panicked over what it sent",
	ReasonStuck:    "it did not take what was written to it in time",
	ReasonSlow:     "it began a frame and did not end it in time",
	ReasonRemoved:  "it was removed from the clients",
	ReasonReplaced: "it connected anew",
	ReasonClosed:   "it closed the connection",
	ReasonLost:     "the connection broke",
	ReasonRefused:  "it refused this key; check that the key is enrolled in the group (a key that misbehaved is refused for a while too)",
	ReasonIdentity: "another key answered at its address; compare its key with the group file",
	ReasonDial:     "nothing answered at its address; check that it runs and is reachable (while it waits for room, replica status says so at its machine)",
	ReasonShutdown: "closed here",
	ReasonFull:     "no memory is left for a long frame: all clients together send as much as they may at a time",
}

// String is a clause for people, about the remote.
func (r Reason) String() string {
	if r >= Reasons {
		return fmt.Sprintf("reason %d", uint8(r))
	}
	return reasonWords[r]
}

// offence reports whether the remote is to blame, so that it stays cut off for a
// while.
func (r Reason) offence() bool {
	return r == ReasonGarbage || r == ReasonOversize || r == ReasonFlood || r == ReasonPanic
}

// An Error is why a remote cannot be reached or was left.
type Error struct {
	Reason Reason
	Remote string // which one, for people
	Cause  error  // detail, may be nil
}

// Error is one line: who, what is wrong, what to do.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s (%v)", e.Remote, e.Reason, e.Cause)
	}
	return fmt.Sprintf("%s: %s", e.Remote, e.Reason)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// ReasonOf returns the reason in err, or ReasonNone if it holds no Error.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ReasonNone
}

// ErrAddressInUse is in the error of Listen if another process holds the address.
var ErrAddressInUse = errors.New("address in use")
