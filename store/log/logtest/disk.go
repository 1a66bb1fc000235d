// Package logtest has a virtual disk for logs: it forgets at a crash what was not
// synced, and fails when told to. It is deterministic, and serves the simulator as
// well as tests.
//
// It also harms what it holds, as a rotten disk does, and does writes elsewhere
// than it was told to.
//
// It models one folder. It has no notion of time. Whoever uses it owes it:
//
//  1. One goroutine.
//  2. After Crash or Kill, new files from Open: the old ones are dead.
package logtest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/varangian-bft/varangian/store/log"
)

const (
	pageBytes = 4096
)

// ErrDead answers calls on a file that was open when the disk crashed.
var ErrDead = errors.New("logtest: the file was open when the disk crashed")

// An Op is what was asked of the disk.
type Op string

// The operations.
const (
	OpCreate  Op = "create"
	OpOpen    Op = "open"
	OpRead    Op = "read"
	OpWrite   Op = "write"
	OpSync    Op = "sync"
	OpClose   Op = "close"
	OpRename  Op = "rename"
	OpRemove  Op = "remove"
	OpList    Op = "list"
	OpSyncDir Op = "syncdir"
)

// A Call is one operation as Disk.Watch sees it, before it is done.
type Call struct {
	Op     Op
	Name   string
	To     string // of a rename
	Offset int64
	Bytes  int64
}

// String returns the call as a line of a script.
func (c Call) String() string {
	switch c.Op {
	case OpRename:
		return fmt.Sprintf("%s %s to %s", c.Op, c.Name, c.To)
	case OpRead, OpWrite:
		return fmt.Sprintf("%s %s at %d, %d bytes", c.Op, c.Name, c.Offset, c.Bytes)
	case OpCreate:
		return fmt.Sprintf("%s %s of %d bytes", c.Op, c.Name, c.Bytes)
	case OpList, OpSyncDir:
		return string(c.Op)
	default:
		return fmt.Sprintf("%s %s", c.Op, c.Name)
	}
}

// A Disk is one folder in memory. It implements log.FS.
type Disk struct {
	// Watch, if set, is called with each operation before it is done. An error
	// makes the operation fail with it: a write then reaches the disk in half, and
	// a sync loses what it should have made durable, which stays visible until the
	// next crash, as with a kernel that marks the pages clean (R81).
	Watch func(Call) error
	// Redirect, if set, is called with each write that Watch let pass. If it reports
	// true the write is done at the place that it returns, or nowhere if that has no
	// name, and reported as done where it should have been.
	Redirect func(Call) (to Place, astray bool)
	// BytesMax bounds the sum of the file sizes; 0 means no bound. Beyond it Create
	// answers log.ErrNoSpace.
	BytesMax int64

	files   map[string]*inode // as a process sees the folder
	durable map[string]*inode // as it is found after a crash
	pending []func(map[string]*inode)
	life    int
	spare   [][]byte
}

// An inode is a file, under the name that it has now.
type inode struct {
	name    string
	visible []byte
	durable []byte
	writes  []write // since the last sync
}

type write struct {
	offset int64
	data   []byte
}

// NewDisk returns an empty disk.
func NewDisk() *Disk {
	return &Disk{files: map[string]*inode{}, durable: map[string]*inode{}}
}

func (d *Disk) watch(c Call) error {
	if d.Watch == nil {
		return nil
	}
	return d.Watch(c)
}

// change changes the folder as it is seen now, and remembers to do so durably.
func (d *Disk) change(f func(map[string]*inode)) {
	f(d.files)
	d.pending = append(d.pending, f)
}

// Create implements log.FS.
func (d *Disk) Create(name string, size int64) (log.File, error) {
	if err := d.watch(Call{Op: OpCreate, Name: name, Bytes: size}); err != nil {
		return nil, err
	}
	used := size
	for other, n := range d.files {
		if other != name {
			used += int64(len(n.visible))
		}
	}
	if d.BytesMax > 0 && used > d.BytesMax {
		return nil, log.ErrNoSpace
	}
	n := &inode{name: name, visible: make([]byte, size), durable: make([]byte, size)}
	d.change(func(m map[string]*inode) { m[name] = n })
	return &file{disk: d, inode: n, life: d.life}, nil
}

// Open implements log.FS.
func (d *Disk) Open(name string) (log.File, error) {
	if err := d.watch(Call{Op: OpOpen, Name: name}); err != nil {
		return nil, err
	}
	n, ok := d.files[name]
	if !ok {
		return nil, fmt.Errorf("logtest: open %s: no such file", name)
	}
	return &file{disk: d, inode: n, life: d.life}, nil
}

// Rename implements log.FS.
func (d *Disk) Rename(from, to string) error {
	if err := d.watch(Call{Op: OpRename, Name: from, To: to}); err != nil {
		return err
	}
	if d.files[from] == nil {
		return fmt.Errorf("logtest: rename %s: no such file", from)
	}
	d.change(func(m map[string]*inode) {
		if n, ok := m[from]; ok {
			delete(m, from)
			m[to] = n
			n.name = to
		}
	})
	return nil
}

// Remove implements log.FS.
func (d *Disk) Remove(name string) error {
	if err := d.watch(Call{Op: OpRemove, Name: name}); err != nil {
		return err
	}
	if d.files[name] == nil {
		return fmt.Errorf("logtest: remove %s: no such file", name)
	}
	d.change(func(m map[string]*inode) { delete(m, name) })
	return nil
}

// List implements log.FS.
func (d *Disk) List() ([]string, error) {
	if err := d.watch(Call{Op: OpList}); err != nil {
		return nil, err
	}
	return d.Names(), nil
}

// SyncDir implements log.FS.
func (d *Disk) SyncDir() error {
	if err := d.watch(Call{Op: OpSyncDir}); err != nil {
		return err
	}
	d.settle(len(d.pending))
	return nil
}

func (d *Disk) settle(count int) {
	for _, f := range d.pending[:count] {
		f(d.durable)
	}
	d.pending = nil
}

// A file is an open file.
type file struct {
	disk   *Disk
	inode  *inode
	life   int
	closed bool
}

func (f *file) watch(op Op, offset, n int64) error {
	if f.life != f.disk.life {
		return ErrDead
	}
	if f.closed {
		return fmt.Errorf("logtest: %s %s: the file is closed", op, f.inode.name)
	}
	return f.disk.watch(Call{Op: op, Name: f.inode.name, Offset: offset, Bytes: n})
}

func (f *file) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.watch(OpRead, offset, int64(len(p))); err != nil {
		return 0, err
	}
	if offset < 0 || offset > int64(len(f.inode.visible)) {
		return 0, io.EOF
	}
	n := copy(p, f.inode.visible[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(p []byte, offset int64) (int, error) {
	err := f.watch(OpWrite, offset, int64(len(p)))
	if errors.Is(err, ErrDead) || f.closed {
		return 0, err
	}
	if offset < 0 || offset+int64(len(p)) > int64(len(f.inode.visible)) {
		return 0, fmt.Errorf("logtest: write %s at %d: beyond the end", f.inode.name, offset)
	}
	if err != nil {
		p = p[:len(p)/2]
	} else if f.disk.Redirect != nil {
		if to, astray := f.disk.Redirect(Call{Op: OpWrite, Name: f.inode.name, Offset: offset, Bytes: int64(len(p))}); astray {
			f.disk.stray(to, p)
			return len(p), nil
		}
	}
	copy(f.inode.visible[offset:], p)
	f.inode.writes = append(f.inode.writes, write{offset: offset, data: append(f.disk.room(), p...)})
	return len(p), err
}

// spareMax bounds how much memory of synced writes a disk keeps to use again.
const spareMax = 16

// room returns memory for a write.
func (d *Disk) room() []byte {
	n := len(d.spare)
	if n == 0 {
		return nil
	}
	b := d.spare[n-1]
	d.spare = d.spare[:n-1]
	return b
}

func (d *Disk) release(writes []write) {
	for i := range writes {
		if len(d.spare) < spareMax {
			d.spare = append(d.spare, writes[i].data[:0])
		}
		writes[i].data = nil
	}
}

func (f *file) Size() (int64, error) {
	if f.life != f.disk.life {
		return 0, ErrDead
	}
	return int64(len(f.inode.visible)), nil
}

func (f *file) Sync() error {
	err := f.watch(OpSync, 0, 0)
	if errors.Is(err, ErrDead) || f.closed {
		return err
	}
	if err == nil {
		for _, w := range f.inode.writes {
			copy(f.inode.durable[w.offset:], w.data)
		}
	}
	f.disk.release(f.inode.writes)
	f.inode.writes = f.inode.writes[:0]
	return err
}

func (f *file) Close() error {
	if err := f.watch(OpClose, 0, 0); err != nil {
		return err
	}
	f.closed = true
	return nil
}

// Crash loses power. Of what was not synced, pick decides: it returns a number
// from 0 to n-1, as rand.IntN and rapid's generators do. Each page of each write
// is lost, kept, or torn at any byte; of the changes of the folder, the first few
// are kept. A nil pick loses all of it.
func (d *Disk) Crash(pick func(n int) int) {
	if pick == nil {
		pick = func(int) int { return 0 }
	}
	d.settle(pick(len(d.pending) + 1))
	d.files = maps.Clone(d.durable)
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		n := d.files[name]
		n.name = name
		for _, w := range n.writes {
			w.survive(n.durable, pick)
		}
		n.writes, n.visible = nil, slices.Clone(n.durable)
	}
	d.life++
}

// survive applies what a crash leaves of a write.
func (w write) survive(to []byte, pick func(n int) int) {
	for at := 0; at < len(w.data); at += pageBytes {
		page := w.data[at:min(at+pageBytes, len(w.data))]
		switch pick(3) {
		case 0:
			continue
		case 1:
		default:
			page = page[:pick(len(page)+1)]
		}
		copy(to[w.offset+int64(at):], page)
	}
}

// Kill ends the process that uses the disk: files are dead, but nothing is lost,
// since the kernel still holds it.
func (d *Disk) Kill() { d.life++ }
