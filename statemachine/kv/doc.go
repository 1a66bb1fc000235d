// Package kv is the built-in service: an ordered map from keys to values with
// atomic operations on it.
//
// Put, Get, Delete, CompareAndSet, Increment, Scan and Atomic return the encoding
// of an operation, to be sent as one operation of a request; DecodeGet and so on
// return what its result says. Get, Scan, and Atomic operations of these alone
// may be sent as queries too.
//
// It keeps no state of its own and knows nothing of requests, sessions or
// replicas.
//
// The caller owes it:
//
//  1. Keys and values within the limits of the group; an operation over them ends
//     with consensus.ResultLimit.
//  2. A result of class consensus.ResultOK for the decoders; other classes say in
//     words why the operation had no effect.
package kv
