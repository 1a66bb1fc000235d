// Package groupfile reads and writes group.toml, the file that all parties of a
// group share: what the group is, and at which addresses its replicas are found.
//
// The addresses are not part of the group id; everything else is (R8). So a
// value that is absent, unknown or malformed is refused with its place in the
// file, and nothing has a default: a default that changes with a version would
// put two replicas into two groups. The package resolves no address, opens no
// connection and knows no secret.
//
// The caller
//
//  1. hands over the same bytes to every party, and compares group ids;
//  2. reads a file again to see a change of it.
package groupfile
