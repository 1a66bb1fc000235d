package replica

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/varangian-bft/varangian/store/log"
)

// WithDisk puts a disk that can be made to fail under the log.
func WithDisk(disk func(folder string) log.FS) Option { return func(r *Replica) { r.disk = disk } }

// WithHaste lets nobody wait for the closing after a failure who need not.
func WithHaste() Option { return func(r *Replica) { r.patience = 0 } }

// Observed notes the replica that Serve runs now.
func Observed(in *atomic.Pointer[Replica]) Option { return func(r *Replica) { in.Store(r) } }

// GiveUp ends the replica as its core does when nothing certified takes the place of
// the state that it suspects.
func (r *Replica) GiveUp(reason string) error {
	err := errors.Join(r.folder.raise(reason, time.Now()), r.folder.giveUp())
	r.fail(&Error{Code: ExitDisk, Cause: errGivenUp})
	return err
}
