// Package consensus is the vocabulary of Varangian: what a group, a request, a
// batch and a receipt are, and what an engine that orders batches is given and
// gives back.
//
// It decides nothing. Engines live in packages of their own (pbft); the replica
// core carries out their effects.
//
// Whoever drives an Engine owes it:
//
//  1. Replay every record of the log in order, then one Started, before any
//     other event.
//  2. One event at a time, from one goroutine.
//  3. After each Step, append all of Persist to the log, in order.
//  4. An Outbound leaves, and what an Execute causes leaves, only when the log is
//     durable through its After (R6, R78).
//  5. Persisted is monotone, and reported only after a successful sync (R81).
//  6. Executes are applied in order, each once; Executed follows each.
//  7. Messages reach Received only as Verified, with all of the Codec's checks.
//  8. A Halt is final: nothing is sent any more, and the replica ends when what
//     Persist held is durable (R52). Replay then refuses the log.
package consensus
