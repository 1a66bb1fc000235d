//go:build !linux

package state

// probe does nothing where space cannot be claimed in one call.
func probe(string, int64) error { return nil }
