package logtest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/varangian-bft/varangian/store/log"
)

// A Harm is one way in which a disk changes what it holds while nobody uses it.
type Harm string

// The ways.
const (
	HarmFlip    Harm = "flip"    // some bits of one page are turned over
	HarmCut     Harm = "cut"     // a file is shorter
	HarmDelete  Harm = "delete"  // a file is gone
	HarmZero    Harm = "zero"    // one page, or a file from some page on, holds zeros
	HarmMove    Harm = "move"    // a page holds what belongs to another one
	HarmSwap    Harm = "swap"    // a file holds what belongs to another one
	HarmForeign Harm = "foreign" // a file is the one of that name of another log
)

// Harms are all of them.
var Harms = []Harm{HarmFlip, HarmCut, HarmDelete, HarmZero, HarmMove, HarmSwap, HarmForeign}

// A Place is somewhere in the folder.
type Place struct {
	Name   string
	Offset int64
}

// Harm does one thing to one file, durably, and says what. Pick chooses, as in
// Crash. Other is the disk of another log, for HarmForeign.
func (d *Disk) Harm(how Harm, other *Disk, pick func(n int) int) string {
	names := d.Names()
	if len(names) == 0 {
		return "nothing is there"
	}
	name := names[pick(len(names))]
	contents := d.Read(name)
	said := fmt.Sprintf("%s %s", how, name)
	switch how {
	case HarmFlip:
		at := d.page(name, pick) * pageBytes
		room := min(int64(len(contents))-at, pageBytes)
		for range 1 + pick(3) {
			if room > 0 {
				d.Flip(name, 8*at+int64(pick(int(8*room))))
			}
		}
		return fmt.Sprintf("%s in its page at %d", said, at)
	case HarmCut:
		size := int64(pick(max(len(contents), 1)))
		d.Truncate(name, size)
		return fmt.Sprintf("%s to %d bytes", said, size)
	case HarmDelete:
		d.Delete(name)
	case HarmZero:
		at := d.page(name, pick) * pageBytes
		end := min(at+pageBytes, int64(len(contents)))
		if pick(2) == 0 {
			end = int64(len(contents))
		}
		clear(contents[at:end])
		d.Put(name, contents)
		return fmt.Sprintf("%s from %d to %d", said, at, end)
	case HarmMove:
		from := names[pick(len(names))]
		source, target := d.page(from, pick)*pageBytes, d.page(name, pick)*pageBytes
		copy(contents[target:], d.Read(from)[source:min(source+pageBytes, d.Size(from))])
		d.Put(name, contents)
		return fmt.Sprintf("%s at %d to %s at %d", how, source, said[len(how)+1:], target)
	case HarmSwap:
		from := names[pick(len(names))]
		d.Put(name, d.Read(from))
		d.Put(from, contents)
		return fmt.Sprintf("%s with %s", said, from)
	case HarmForeign:
		if theirs := other.Read(name); theirs != nil {
			d.Put(name, theirs)
		}
	}
	return said
}

// page picks a page of a file, mostly one that holds something, and often the last
// of those, which is like the one that a crash may tear.
func (d *Disk) page(name string, pick func(n int) int) int64 {
	contents := d.files[name].visible
	count := (len(contents) + pageBytes - 1) / pageBytes
	if count == 0 {
		return 0
	}
	if kind := pick(4); kind > 0 {
		var used []int64
		for p := range count {
			page := contents[p*pageBytes : min((p+1)*pageBytes, len(contents))]
			if slices.ContainsFunc(page, func(b byte) bool { return b != 0 }) {
				used = append(used, int64(p))
			}
		}
		switch {
		case len(used) > 0 && kind == 1:
			return used[len(used)-1]
		case len(used) > 0:
			return used[pick(len(used))]
		}
	}
	return int64(pick(count))
}

// Age puts one page, or one whole file, back to what it was on an earlier copy of
// this disk, durably, and says which: a write that the disk reported as done and
// never did, or a read that returns what was there before.
func (d *Disk) Age(old *Disk, pick func(n int) int) string {
	var names []string
	for _, name := range d.Names() {
		if old.Size(name) == d.Size(name) && string(old.Read(name)) != string(d.Read(name)) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "nothing is older"
	}
	name := names[pick(len(names))]
	if pick(4) == 0 {
		d.Put(name, old.Read(name))
		return "age of all of " + name
	}
	now, before := d.Read(name), old.Read(name)
	var changed []int
	for at := 0; at < len(now); at += pageBytes {
		if end := min(at+pageBytes, len(now)); string(now[at:end]) != string(before[at:end]) {
			changed = append(changed, at)
		}
	}
	at := changed[pick(len(changed))]
	copy(now[at:min(at+pageBytes, len(now))], before[at:])
	d.Put(name, now)
	return fmt.Sprintf("age of %s at %d", name, at)
}

// Astray picks another place for a write, for Redirect. What tells how far the log
// is synced is not put over the end of the log: then both would be gone, which
// nobody could tell from a log that had not come so far.
func (d *Disk) Astray(c Call, pick func(n int) int) Place {
	var names []string
	last := ""
	for _, name := range d.Names() {
		if strings.HasPrefix(name, "segment-") {
			last = name
		}
		names = append(names, name)
	}
	if c.Name == "mark" {
		names = slices.DeleteFunc(names, func(name string) bool { return name == last })
	}
	to := Place{Name: names[pick(len(names))]}
	to.Offset = d.page(to.Name, pick) * pageBytes
	if to.Name == c.Name && to.Offset == c.Offset {
		return Place{} // it does not arrive anywhere
	}
	return to
}

// stray carries out a write that goes elsewhere: the disk does it where it should
// not, and what stood there is gone for good.
func (d *Disk) stray(to Place, p []byte) {
	if n := d.files[to.Name]; n != nil && to.Offset < int64(len(n.visible)) {
		copy(n.visible[to.Offset:], p)
		copy(n.durable[to.Offset:], p)
	}
}

var _ log.FS = (*Disk)(nil)
