// Package transfer brings the state of a replica that fell behind to a checkpoint
// that a quorum certified: the partitions of the last certified snapshot if they
// are needed, and then the write sets of the windows up to the checkpoint, each
// verified before it is stored (R93 to R95).
//
// The Fetcher asks and the Server answers; neither reads a disk or a clock of its
// own. What is above the checkpoint comes through the engine, as commit
// certificates with bodies. Of a snapshot only what differs from the own store is
// fetched, from several sources at once; what was saved before a crash is verified
// again and used (R96).
//
// Whoever drives a Fetcher owes it:
//
//  1. No execution and no flush from Start until Done.
//  2. Each Store is done, one at a time and in order, and answered with Stored.
//  3. Answers reach Receive with all checks of Decode verified.
package transfer
