// Package usage reads what a process has used of processor and memory, from
// /proc. It samples nothing by itself.
//
// The caller takes one Usage at each end of an interval, while the process runs.
package usage

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of processor time in /proc: USER_HZ is 100 on every
// architecture that Go runs on.
const tick = time.Second / 100

// Usage is what a process has used since it started.
type Usage struct {
	CPU            time.Duration // user and system time of all threads
	MemoryBytes    uint64        // resident now
	MemoryBytesMax uint64        // resident at most so far
}

// Of returns the usage of a process that runs.
func Of(pid int) (Usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Usage{}, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Usage{}, err
	}
	return parse(stat, status)
}

var errForm = errors.New("usage: /proc has an unexpected form")

// parse reads the two files of proc(5).
func parse(stat, status []byte) (u Usage, err error) {
	// The name of the program comes second, in parentheses, and may hold both
	// spaces and parentheses.
	end := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[end+1:])
	const user, system = 11, 12 // fields 14 and 15, counted after the second
	if end < 0 || len(fields) <= system {
		return u, errForm
	}
	for _, f := range [][]byte{fields[user], fields[system]} {
		n, err := strconv.ParseUint(string(f), 10, 48)
		if err != nil {
			return u, errForm
		}
		u.CPU += time.Duration(n) * tick
	}
	if u.MemoryBytes, err = kilobytes(status, "VmRSS:"); err != nil {
		return u, err
	}
	u.MemoryBytesMax, err = kilobytes(status, "VmHWM:")
	return u, err
}

// kilobytes returns the value of a line as "VmRSS:  1234 kB", in bytes.
func kilobytes(status []byte, name string) (uint64, error) {
	for line := range bytes.Lines(status) {
		f := bytes.Fields(line)
		if len(f) == 3 && string(f[0]) == name {
			n, err := strconv.ParseUint(string(f[1]), 10, 48)
			if err != nil {
				return 0, errForm
			}
			return n << 10, nil
		}
	}
	return 0, errForm // a zombie has no memory
}
