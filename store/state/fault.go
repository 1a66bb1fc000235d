package state

import (
	"fmt"
	"runtime/debug"

	"github.com/varangian-bft/varangian/statemachine"
)

// survive runs something that reads Badger's tables. They are mapped, so a sector
// that the disk cannot read, or a file that was cut, is no error but a fault. It
// must not end the process with a trace of its stack (R88).
func survive(read func() error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		caught := recover()
		if caught == nil {
			return
		}
		if at, ok := caught.(interface{ Addr() uintptr }); ok && at.Addr() != 0 {
			err = fmt.Errorf("%w: a table of the state cannot be read: the disk failed, or its file was cut", statemachine.ErrRot)
			return
		}
		panic(caught)
	}()
	return read()
}
