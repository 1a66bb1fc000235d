// Package backup is the format of backup files: the state of a group at one
// certified snapshot, with the certificate, so that whoever has the group file
// can check it offline and need not trust where it was kept (R93, R94).
//
// A backup streams in both directions, in memory that does not depend on the
// size of the state: entries come by ascending key, as a store scans and installs
// them, and the partition digests add up beside them. The package opens no file,
// and does not know what the entries mean.
//
// The caller
//
//  1. adds to a Writer what one snapshot holds, by ascending key, and closes it;
//  2. believes a Reader only when Next has returned false without an error: what
//     came before it may be anybody's.
package backup

import (
	"errors"
	"fmt"
)

// Format of the file; docs/wire-format.md, section 11.
const (
	magic   = "vrngback"
	version = 1

	kindEntries = 1
	kindEnd     = 2

	pieceBytes    = 256 << 10 // a piece of entries is written when it has as much
	pieceBytesMax = 2 << 20   // above pieceBytes and the largest entry that a store takes
	packedMax     = pieceBytesMax + 64<<10

	certificateBytesMax = 8 << 10
	tableBytesMax       = 1 << 20
)

// ErrForeign says that a backup is of another group than the one it is checked
// against.
var ErrForeign = errors.New("the backup is of another group")

// A Fault says that a file is no whole backup, or not the one that was certified:
// what is wrong, and at which byte of the file if that is known.
type Fault struct {
	Offset  uint64
	Problem string
}

// Error is the problem with its place.
func (f *Fault) Error() string { return fmt.Sprintf("at byte %d: %s", f.Offset, f.Problem) }
