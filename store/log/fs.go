package log

// FS is the one folder that a log lives in: real (OS), or virtual with faults
// and losses (package logtest). Names are plain file names. Whoever implements it
// may assume that the log calls it from one goroutine at a time, except for
// Create and Rename under Config.Background.
type FS interface {
	// Create makes a file of this size, replacing one of that name. It returns
	// when the space is allocated, holds zeros and is durable; the name is
	// durable only after SyncDir. Lack of space is an error that wraps
	// ErrNoSpace, and leaves no file.
	Create(name string, size int64) (File, error)
	// Open opens an existing file for reading and writing.
	Open(name string) (File, error)
	// Rename gives a file another name, atomically replacing a file of that name.
	Rename(from, to string) error
	// Remove deletes a file.
	Remove(name string) error
	// List returns the names of all files, in any order.
	List() ([]string, error)
	// SyncDir makes all creations, renames and removals durable.
	SyncDir() error
}

// File is an open file of constant size. Reads and writes stay inside of it.
type File interface {
	ReadAt(p []byte, offset int64) (int, error)
	WriteAt(p []byte, offset int64) (int, error)
	Size() (int64, error)
	// Sync makes the contents durable, as fdatasync does. After an error nothing
	// may be assumed about any write since the last Sync that succeeded (R81).
	Sync() error
	Close() error
}
