package replica

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	// reasonName is the file that says why this replica may have forgotten what it
	// promised, as long as its log does not say so.
	reasonName     = "RECOVER"
	reasonBytesMax = 400 // of a reason; the log keeps no more either
	// asideMax bounds what is kept of each kind of damaged part: the newest.
	asideMax = 2
)

// readReason reads why an earlier start began to recover. As long as the file is
// there, the log does not say so itself: it must come out as recovery again.
func (f *folder) readReason() error {
	text, err := os.ReadFile(f.in(reasonName))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return folderError(err)
	}
	if f.forgot = strings.TrimSpace(string(text)); f.forgot == "" {
		f.forgot = "an earlier start found the log damaged"
	}
	return nil
}

// forget makes durable that this replica may have promised what its log does not
// hold, before anything is done about it (R83): a crash in between must not make a
// voter of it.
func (f *folder) forget(reason string) error {
	if len(reason) > reasonBytesMax {
		reason = reason[:reasonBytesMax]
	}
	f.forgot = reason
	return durably(f.path, func() error { return writeSynced(f.in(reasonName), reason+"\n") })
}

// remembered is called when the log itself says that this replica recovers.
func (f *folder) remembered() error { return f.remove(reasonName) }

// setAside renames the log or the state, for people to look at, and removes the
// oldest ones beyond asideMax. It returns the new name.
func (f *folder) setAside(name string) (as string, err error) {
	kept, err := f.aside(name)
	if err != nil {
		return "", err
	}
	next := 1
	if len(kept) > 0 {
		next = kept[len(kept)-1] + 1
	}
	as = asideName(name, next)
	err = durably(f.path, func() error {
		if err := os.Rename(f.in(name), f.in(as)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return os.Mkdir(f.in(name), 0o700)
	})
	for len(kept) >= asideMax && err == nil {
		err = os.RemoveAll(f.in(asideName(name, kept[0])))
		kept = kept[1:]
	}
	if err != nil {
		return "", folderError(err)
	}
	return as, nil
}

func asideName(name string, number int) string { return fmt.Sprintf("%s.damaged-%d", name, number) }

// aside returns the numbers of what was set aside, ascending.
func (f *folder) aside(name string) (numbers []int, err error) {
	found, err := filepath.Glob(f.in(name + ".damaged-*"))
	if err != nil {
		return nil, folderError(err)
	}
	for _, path := range found {
		if n, err := strconv.Atoi(path[strings.LastIndexByte(path, '-')+1:]); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}
