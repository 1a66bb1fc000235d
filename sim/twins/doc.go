// Package twins runs one identity twice (Bano et al., Twins: BFT systems made
// robust): two engines with the same key, each of which believes that it is
// correct, among three correct replicas. Every scenario is a choice of which
// replica has a twin, and for each of four views a partition of the five into two
// sets. Together two such copies can say whatever an equivocating, forgetful or
// two-faced replica can.
//
// It drives engines, with simulated signatures, rounds in the place of a clock,
// and a log that is always durable; what a whole replica adds is left to package
// sim. Safety is checked: agreement, no halt of a correct replica and no evidence
// against one (R118). The same scenario always takes the same course.
package twins
