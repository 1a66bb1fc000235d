package state

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/varangian-bft/varangian/statemachine"
)

// panicBytesMax bounds what is told of a panic: Badger's may hold a whole piece of a
// table.
const panicBytesMax = 120

// survive runs something that reads Badger's tables. They are mapped, so a sector
// that the disk cannot read, or a file that was cut, is no error but a fault; and what
// has rotted of the way to the values lets Badger panic. Neither must end the process
// with a trace of its stack (R88). read sets outside as long as others than Badger are
// at work: their panics go on.
func survive(read func(outside *bool) error) (err error) {
	before := debug.SetPanicOnFault(true)
	outside := false
	defer func() {
		debug.SetPanicOnFault(before)
		caught := recover()
		if caught == nil {
			return
		}
		if at, ok := caught.(interface{ Addr() uintptr }); ok && at.Addr() != 0 {
			err = fmt.Errorf("%w: a table of the state cannot be read: the disk failed, or its file was cut", statemachine.ErrRuined)
			return
		}
		if outside {
			panic(caught)
		}
		err = fmt.Errorf("%w: a table of the state cannot be parsed (%s)", statemachine.ErrRuined, inOneLine(caught))
	}()
	return read(&outside)
}

// abroad runs something that is not Badger's.
func abroad(outside *bool, do func() error) error {
	*outside = true
	err := do()
	*outside = false
	return err
}

func inOneLine(caught any) string {
	text := strings.Join(strings.Fields(fmt.Sprint(caught)), " ")
	return text[:min(len(text), panicBytesMax)]
}
