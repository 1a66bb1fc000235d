// Package session is the deciding half of a client: it numbers sessions and
// requests, packs waiting operations into signed requests, believes a result when
// f+1 replicas agree on it, and repeats what was lost. One event in, effects out.
//
// It owns no goroutine, clock, random source or socket, so that the simulator
// runs the very code that clients run. It signs, which is pure; it knows nothing
// of what operations mean.
//
// What the caller owes it:
//
//  1. One event at a time, from one goroutine, and after each Step all of the
//     Effects; then Reset.
//  2. A Tick first, then one at the time that Next gives or earlier, and one
//     before other events if much time has passed: deadlines count from it.
//  3. Received names the replica whose authenticated channel the frame came over
//     (R29), and the frame is not changed afterwards: results are slices of it.
//  4. OperationIDs are unique among operations that are not completed.
//  5. Config.Number differs between processes that use one key at a time, and
//     usually rises: two processes in one session would take each other's
//     timestamps. The nanoseconds of a clock, the last ten bits random, will do.
package session
