package log

import (
	"errors"
	"fmt"
)

// Errors that a caller tells apart with errors.Is.
var (
	// ErrDamaged: something that was synced is not there, or not as it was
	// written. The replica must not start as a voter (R83). The error is a
	// *Damage.
	ErrDamaged = errors.New("the log is damaged")
	// ErrForeign: the folder belongs to another group, replica or key (R87).
	ErrForeign = errors.New("the log belongs to another group, replica or key")
	// ErrVersion: the folder was written by a version with another format.
	ErrVersion = errors.New("the log has a format that this version does not know")
	// ErrNoSpace: no room for the segment after this one. Nothing is lost; the
	// replica stops, and starts again when room is made (R88).
	ErrNoSpace = errors.New("no space for the log")
	// ErrTooLarge: a record above RecordBytesMax.
	ErrTooLarge = errors.New("the record is too large for the log")
	// ErrClosed: the log was closed.
	ErrClosed = errors.New("the log is closed")
)

// Damage says where a log is damaged. errors.Is(err, ErrDamaged) holds.
type Damage struct {
	File   string // name in the folder of the log
	Offset int64  // bytes from its start
	Reason string
	Cause  error // what the disk answered, if it did
}

func (d *Damage) Error() string {
	text := fmt.Sprintf("%v: %s at offset %d: %s; do not delete or shorten it", ErrDamaged, d.File, d.Offset, d.Reason)
	if d.Cause != nil {
		text += ": " + d.Cause.Error()
	}
	return text
}

// Is makes every Damage match ErrDamaged.
func (d *Damage) Is(target error) bool { return target == ErrDamaged }

// Unwrap returns what the disk answered.
func (d *Damage) Unwrap() error { return d.Cause }
