// Package statemachine executes ordered batches on a replicated key space: the
// application's operations and, beside them, what makes them a service that may
// be retried: sessions, the table of clients, agreed time, receipts' leaves.
//
// The state is a Store at a version under an overlay of the windows that are not
// stored yet. At each checkpoint the open window closes: its net changes extend
// the write-set chain, which a quorum certifies.
//
// It does not order, verify signatures, write to disk in the background or send
// anything, and it reads no clock. What it computes is a function of the batches.
//
// The caller owes a Machine:
//
//  1. All calls from one goroutine; also Query, Fresh and Answer.
//  2. Batches in sequence order, committed, with all bodies, each request's
//     signature verified (R20, R40).
//  3. Windows are applied to the store in order, each only when the log covers its
//     batches (R125), and then Flushed.
//  4. The store keeps the version last given to Flushed readable, and is retired
//     below it only.
//  5. Reload after state transfer moved the store's marker, before anything else.
//  6. An error that is not ErrOrder stops the replica (R121).
package statemachine
