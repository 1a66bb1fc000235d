// Package adversary lies: it holds the behaviours that package sim gives to
// faulty replicas and clients, each of which tries to break one rule. A behaviour
// holds the key of its own replica or client and no other, draws chance from the
// world alone, and goes on lying for as long as the world runs.
//
// It decides nothing about what is right: the checkers of package sim do. No part
// of a replica or client that serves anyone imports it.
//
// Whoever uses it owes it:
//
//  1. At most f replicas that lie, unless safety is meant to break.
//  2. Faulty replicas may halt, when their own lies come back to them (R7): the
//     world starts them anew.
package adversary
