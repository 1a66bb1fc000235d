// Package sim runs whole groups of production replica cores, engines, machines,
// logs and client sessions in one goroutine, under a virtual clock, network and
// disk. One seed decides everything: the same seed gives the same run.
//
// It is not a model: nothing of the protocol is written twice here. What is
// simulated is the world (delays, losses, crashes that forget what was not
// synced), and signatures, unless Config.Scheme says otherwise.
//
// A World is used by one goroutine.
package sim
