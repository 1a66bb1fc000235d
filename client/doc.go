// Package client invokes operations on a group and believes only what f+1 of its
// replicas say alike. It holds connections and goroutines; package session
// decides.
//
// Operations that wait together travel in one signed request, so that thousands
// of concurrent Invokes cost little each. An operation is executed at most once,
// however often its request is repeated. Each error says whether the operation
// may have taken effect: see OutcomeOf. What operations mean is the
// application's: package statemachine/kv encodes those of the built-in service.
//
// The caller
//
//  1. closes the Client;
//  2. does not change an operation's bytes until Invoke has returned;
//  3. gives each process a key of its own, or accepts that they share its
//     quotas: sessions keep them apart otherwise.
package client
