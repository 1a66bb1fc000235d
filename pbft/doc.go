// Package pbft orders batches with PBFT: a group of n = 3f+1 replicas agrees
// although f of them lie. It is the signed variant of Castro and Liskov: every
// message carries its sender's signature, and a certificate is a set of signed
// messages that can be shown to anyone.
//
// An Engine is a plain value: one event in, effects out. It keeps no clock and
// touches no disk or network. It does not execute batches, verify signatures,
// fetch bodies or transfer state; it says when each has to be done.
//
// Beyond what package consensus asks, the caller owes an Engine:
//
//  1. A Tick at least every quarter of StatusInterval. Timers move by Ticks only,
//     and one Tick moves them by at most half of Timeout, so that a suspended
//     process does not accuse the primary of its own absence (R89).
//  2. Started.Executed that is a checkpoint, or 0.
//  3. An answer to each Want, from the pool or from others. Wants are repeated
//     once in every StatusInterval until they are answered.
//  4. After Behind, state transfer to that checkpoint or a later one, and then
//     Installed. Until Installed no Execute follows. Behind is repeated.
//  5. Frames that fit FrameBytesMax (R76).
//
// Files carry the names of the protocol's sections.
package pbft
