// Package storetest is what every statemachine.Store has to pass. Run it from a
// test of the store's own package.
//
// It does not crash a store in the middle of a write: how that is done is each
// store's own affair.
package storetest
