//go:build !linux

package replica

import "os"

// preallocate only sets the size: blocks cannot be claimed in one call here.
func preallocate(f *os.File, size int64) error { return f.Truncate(size) }
