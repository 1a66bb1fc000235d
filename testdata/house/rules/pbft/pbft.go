// Package pbft keeps R3.
package pbft

const text = "R99 in a string is no citation"

var _ = text // want: cites R99
