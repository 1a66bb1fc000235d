// Package core is the deterministic heart of a replica: it puts an engine, the
// pool of waiting requests, fetches of missing bodies, the outbox, checkpoints
// and state transfer together, and reads no clock, disk or socket.
//
// It does not execute (package statemachine does), verify signatures (the
// caller's verify pool does) or keep anything durable (the caller's log does). In
// production package replica drives it; in the simulator package sim does.
//
// Whoever drives a Core owes it:
//
//  1. Replay every record of the log in order, then Start, before the first Step.
//  2. One input at a time, from one goroutine, and all of Output carried out, in
//     the order of its fields, before Output is reset.
//  3. Persist is appended to the log in order; Persisted is reported only after a
//     successful sync (R81).
//  4. Send, Reply and Flush hold only what may happen now: the outbox has already
//     waited for the log (R6, R78, R125).
//  5. Execute is applied in order by a statemachine.Machine; each is answered with
//     an Executed input.
//  6. A request of a client is shown to Machine.Fresh before it becomes Admitted,
//     and after Recheck again; what was executed already becomes Repeated (R31).
//  7. An error of the store that wraps statemachine.ErrRot becomes Suspected, and
//     what waited for an answer gets one without contents (R51, R121); but for a
//     Store, after which the process ends: it reads what was written just now, or what
//     no repair steps over.
//  8. A Halt is final: nothing of this or a later Output leaves.
package core
