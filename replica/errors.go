package replica

import (
	"errors"
	"fmt"

	"github.com/varangian-bft/varangian/consensus"
)

// Exit statuses of a process that runs a replica.
const (
	ExitOK           = 0
	ExitSurroundings = 1 // port in use, folder locked or foreign, another group's file
	ExitUsage        = 2 // configuration wrong in itself
	ExitDisk         = 3 // disk error or damage (R81, R83), or votes that the log forgot (R7)
	ExitDiverged     = 4 // own state differs, or more than f replicas lied (R51, R52)
	ExitRoom         = 5 // no room on the disk, or under a limit; nothing is lost (R88). Serve waits instead
)

// An Error is what ended a replica, with the exit status that it asks for.
type Error struct {
	Code  int
	Cause error
}

func (e *Error) Error() string { return e.Cause.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// ExitCode returns the exit status for what New or Run returned.
func ExitCode(err error) int {
	var e *Error
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &e):
		return e.Code
	}
	return ExitSurroundings
}

func failure(code int, format string, args ...any) error {
	return &Error{Code: code, Cause: fmt.Errorf(format, args...)}
}

// haltError turns a decision of the core to stop into an error.
func haltError(h consensus.Halt) error {
	if h.Cause == consensus.CauseForgotten {
		return failure(ExitDisk, "%s", h.Reason)
	}
	return failure(ExitDiverged, "%s", h.Reason)
}
