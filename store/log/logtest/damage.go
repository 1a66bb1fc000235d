package logtest

import (
	"maps"
	"slices"
)

// Names returns the names of all files, sorted.
func (d *Disk) Names() []string { return slices.Sorted(maps.Keys(d.files)) }

// Size returns the size of a file in bytes, 0 if there is none.
func (d *Disk) Size(name string) int64 {
	if n := d.files[name]; n != nil {
		return int64(len(n.visible))
	}
	return 0
}

// Read returns a copy of a file's contents as a process sees them, nil if there
// is no such file.
func (d *Disk) Read(name string) []byte {
	if n := d.files[name]; n != nil {
		return slices.Clone(n.visible)
	}
	return nil
}

// Put replaces or adds a file, durably: what a wrong hand or a wrong mount does.
func (d *Disk) Put(name string, contents []byte) {
	d.settle(len(d.pending))
	n := &inode{name: name, visible: slices.Clone(contents), durable: slices.Clone(contents)}
	d.files[name], d.durable[name] = n, n
}

// Flip turns one bit of a file over, durably: rot. The bit is counted from the
// start of the file and has to exist.
func (d *Disk) Flip(name string, bit int64) {
	n := d.files[name]
	n.visible[bit/8] ^= 1 << (bit % 8)
	n.durable[bit/8] ^= 1 << (bit % 8)
}

// Truncate cuts a file, durably. Size is at most what it has.
func (d *Disk) Truncate(name string, size int64) {
	d.Put(name, d.files[name].visible[:size])
}

// Delete removes a file, durably.
func (d *Disk) Delete(name string) {
	d.settle(len(d.pending))
	delete(d.files, name)
	delete(d.durable, name)
}

// Clone returns a disk with the same files as a process sees them, all durable,
// without Watch, Redirect and BytesMax: a copy of the folder.
func (d *Disk) Clone() *Disk {
	c := NewDisk()
	for name, n := range d.files {
		c.Put(name, n.visible)
	}
	return c
}
