// Package damage does to the files of a stopped replica what a rotting disk, or a
// careless hand, does: it flips one bit, cuts a file short, or deletes it.
//
// It knows which files a data folder has, and nothing of what is in them.
//
// The caller stops the replica first.
package damage

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Kind is what is done to a file.
type Kind string

// The kinds.
const (
	Flip   Kind = "one bit flipped"
	Cut    Kind = "file cut"
	Delete Kind = "file deleted"
)

// A Class is what a file is for.
type Class string

// The classes, each with how often it is drawn.
const (
	Log       Class = "log segment"
	Mark      Class = "log mark"
	Version   Class = "VERSION"
	Table     Class = "state table"
	ValueLog  Class = "state value log"
	Memtable  Class = "state memtable"
	Manifest  Class = "state manifest"
	Registry  Class = "state, other"
	Spool     Class = "spool"
	Remainder Class = "other"
)

var weights = []struct {
	class Class
	share int
}{
	{Log, 30},
	{Mark, 8},
	{Version, 3},
	{Table, 25},
	{ValueLog, 8},
	{Memtable, 10},
	{Manifest, 8},
	{Registry, 4},
	{Spool, 2},
	{Remainder, 2},
}

// classOf tells a file by its path in the data folder.
func classOf(path string) Class {
	dir, name := filepath.Split(path)
	switch {
	case path == "VERSION":
		return Version
	case dir == "log/" && name == "mark":
		return Mark
	case dir == "log/":
		return Log
	case dir == "fetched/" || dir == "served/":
		return Spool
	case dir != "state/":
		return Remainder
	}
	switch filepath.Ext(name) {
	case ".sst":
		return Table
	case ".vlog":
		return ValueLog
	case ".mem":
		return Memtable
	}
	if name == "MANIFEST" {
		return Manifest
	}
	return Registry
}

// A Harm is one damage to one file.
type Harm struct {
	Kind  Kind
	Class Class
	Path  string // in the data folder
	At    int64  // of the flipped byte, or the length that is left
	Bit   uint
	Bytes int64 // length of the file before

	dir string
}

// A file is one that may be harmed.
type file struct {
	path        string
	bytes, used int64 // used: up to the last byte that is not zero
}

// Draw chooses a harm to a data folder.
func Draw(random *rand.Rand, dir string) (Harm, error) {
	byClass, err := list(dir)
	if err != nil {
		return Harm{}, err
	}
	sum := 0
	for _, w := range weights {
		if len(byClass[w.class]) > 0 {
			sum += w.share
		}
	}
	if sum == 0 {
		return Harm{}, fmt.Errorf("no file in %s to damage", dir)
	}
	n := random.IntN(sum)
	for _, w := range weights {
		files := byClass[w.class]
		if len(files) == 0 {
			continue
		}
		if n -= w.share; n < 0 {
			return draw(random, dir, w.class, files[random.IntN(len(files))]), nil
		}
	}
	panic("damage: the shares of what is there do not add up")
}

// draw chooses what is done to a file. Files are made long in advance, and most of
// one may be empty: what is written there is damaged more often.
func draw(random *rand.Rand, dir string, class Class, f file) Harm {
	h := Harm{Kind: Flip, Class: class, Path: f.path, Bytes: f.bytes, dir: dir}
	most := f.used
	if random.IntN(8) == 0 || most == 0 {
		most = f.bytes
	}
	switch n := random.IntN(10); {
	case n < 2 || most == 0:
		h.Kind = Delete
		return h
	case n < 4:
		h.Kind = Cut
	default:
		h.Bit = uint(random.IntN(8))
	}
	h.At = random.Int64N(most)
	return h
}

// list returns the files of a data folder, but for those that hold nothing.
func list(dir string) (map[Class][]file, error) {
	out := map[Class][]file{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && strings.Contains(entry.Name(), ".damaged-") {
			return fs.SkipDir // set aside by the replica itself, for people to look at
		}
		if err != nil || !entry.Type().IsRegular() || entry.Name() == "LOCK" {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f := file{path: name, bytes: int64(len(content)), used: int64(len(content))}
		for f.used > 0 && content[f.used-1] == 0 {
			f.used--
		}
		out[classOf(name)] = append(out[classOf(name)], f)
		return nil
	})
	for _, files := range out {
		slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	}
	return out, err
}

// Do damages the file.
func (h Harm) Do() error {
	path := filepath.Join(h.dir, h.Path)
	switch h.Kind {
	case Delete:
		return os.Remove(path)
	case Cut:
		return os.Truncate(path, h.At)
	case Flip:
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var b [1]byte
	_, err = f.ReadAt(b[:], h.At)
	if err == nil {
		b[0] ^= 1 << h.Bit
		_, err = f.WriteAt(b[:], h.At)
	}
	return errors.Join(err, f.Close())
}

func (h Harm) String() string {
	switch h.Kind {
	case Cut:
		return fmt.Sprintf("%s cut from %d to %d bytes", h.Path, h.Bytes, h.At)
	case Delete:
		return h.Path + " deleted"
	case Flip:
	}
	return fmt.Sprintf("bit %d of byte %d of %d in %s flipped", h.Bit, h.At, h.Bytes, h.Path)
}

// Classes returns all classes.
func Classes() []Class {
	out := make([]Class, len(weights))
	for i := range weights {
		out[i] = weights[i].class
	}
	return out
}
