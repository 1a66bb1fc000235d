package log

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const zeroStepBytes = 1 << 20

// OS is a folder of the real file system. Files are written with plain pwrite,
// never through a mapping, which would answer a full disk with a signal (R88).
// The folder exists, and the caller holds its lock (R87).
func OS(folder string) FS { return osFS(folder) }

// ReadOnly is a folder of the real file system whose files are only read, and need
// not be writable: to verify a log also where the system lets nobody write any more.
func ReadOnly(folder string) FS { return readOnlyFS{osFS(folder)} }

type readOnlyFS struct{ osFS }

func (d readOnlyFS) Open(name string) (File, error) {
	f, err := os.Open(d.path(name))
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

type osFS string

func (d osFS) path(name string) string { return filepath.Join(string(d), name) }

func (d osFS) Create(name string, size int64) (File, error) {
	f, err := os.OpenFile(d.path(name), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, spaceError(err)
	}
	if err := fill(f, size); err != nil {
		_ = f.Close() // the error that counts is the first one
		_ = os.Remove(d.path(name))
		return nil, spaceError(err)
	}
	return osFile{f}, nil
}

// fill allocates the file and writes zeros once, so that later syncs find neither
// a changed size nor unwritten extents, and need no journal. It syncs in steps,
// since one large sync would hold up those of the active segment.
func fill(f *os.File, size int64) error {
	if err := allocate(f, size); err != nil {
		return err
	}
	step := make([]byte, min(size, zeroStepBytes))
	for at := int64(0); at < size; at += zeroStepBytes {
		if _, err := f.WriteAt(step[:min(zeroStepBytes, size-at)], at); err != nil {
			return err
		}
		if (at/zeroStepBytes)%4 == 3 {
			if err := dataSync(f); err != nil {
				return err
			}
		}
	}
	return f.Sync()
}

func (d osFS) Open(name string) (File, error) {
	f, err := os.OpenFile(d.path(name), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d osFS) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

func (d osFS) Remove(name string) error { return os.Remove(d.path(name)) }

func (d osFS) List() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (d osFS) SyncDir() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		_ = f.Close() // the error that counts is the first one
		return err
	}
	return f.Close()
}

type osFile struct{ *os.File }

func (f osFile) WriteAt(p []byte, offset int64) (int, error) {
	n, err := f.File.WriteAt(p, offset)
	return n, spaceError(err)
}

func (f osFile) Sync() error { return spaceError(dataSync(f.File)) }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// spaceError marks a full disk, an exhausted quota and a limit on file sizes.
func spaceError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}
