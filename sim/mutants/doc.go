// Command mutants shows that the checkers of the simulator are worth their name:
// it breaks the protocol, the core, the store or the client in one small place
// after the other, and tells which checker noticed and how soon.
//
//	go run ./sim/mutants [-run REGEXP] [-fifth K] [-parallel 2] [-v]
//
// Each mutant is data: a file, a text that stands in it exactly once, and what to
// put there instead. It is compiled by way of an overlay, so the tree is never
// touched. The program ./probe is then built from it, which runs hostile schedules
// in package sim, each for a few seeds and first those that the mutant names as its
// enemies, until an invariant breaks. What survives that is given to the tests of
// its own package; the table says so. So is at once what the simulator cannot see
// because something else makes up for it: such a mutant says what.
//
// The command fails if a mutant survives, if its text is no longer found, or if it
// does not compile. It also fails if the code as it is does not pass the very
// schedules that caught a mutant: a checker that always cries wolf catches anything.
package main
