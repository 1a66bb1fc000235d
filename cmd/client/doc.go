// Command client talks to a group that replicates the built-in key-value
// service: it puts and gets values, shows where replicas stand, enrols other
// clients, and checks receipts offline.
//
// Exit statuses: 0 done; 1 the surroundings do not fit; 2 wrong usage, or a file
// that is wrong in itself; 3 no quorum or no answer in time, so that the outcome
// may be unknown; 4 refused by the application or the group; 5 a receipt that
// does not hold; 130 interrupted.
package main
