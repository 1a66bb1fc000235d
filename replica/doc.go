// Package replica runs one replica of a group: it gives the deterministic core
// its disk, its network, its clock and its processors, and an application the
// state to work on. Embedding a service takes Serve, or New and Run.
//
// It decides nothing of the protocol: package core and the engine do. Clients
// come in over the network; there is no way to execute an operation from inside.
//
// What the caller owes it:
//
//  1. One Replica for one data folder; a second one is refused (R87).
//  2. An Application that is deterministic (R109).
//  3. When Run or Serve returns an error, end the process with ExitCode: the
//     replica may not be run again inside the same process (R81). Serve itself
//     knows the one exception, want of room (R88).
package replica
