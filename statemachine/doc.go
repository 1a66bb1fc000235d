// Package statemachine executes ordered batches on a replicated key space.
package statemachine
