package replica

import "github.com/varangian-bft/varangian/store/log"

// WithDisk puts a disk that can be made to fail under the log.
func WithDisk(disk func(folder string) log.FS) Option { return func(r *Replica) { r.disk = disk } }
