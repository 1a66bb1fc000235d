// Package pbft documents some of its names.
package pbft

// An Engine orders.
type Engine struct{}

// Steps are counted.
type Step int // want: Step is exported

type View int // want: View is exported

// The kinds of steps.
const (
	First Step = iota
	Second
)

var Limit = 3 // Limit is a bound.

var Depth, width = 3, 4 // Depth is one, so a comment at the line will do.

const (
	Height = 5
)

// Run drives the engine.
func (*Engine) Run() {}

func (*Engine) Stop() {} // want: Stop is exported

// String documents itself.
func (Engine) String() string { return "" }

func (Engine) Unwrap() error { return nil }

type inner struct{}

func (inner) Shown() {}

func New() *Engine { return nil } // want: New is exported

func helper() {}
