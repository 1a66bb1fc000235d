// Package varangian is the root of a framework that replicates a deterministic
// service on 3f+1 machines, so that it keeps giving right answers although f of
// them lie.
//
// It holds no code of its own, only the house rules of the repository as tests
// (house_test.go). To use the framework, import one of these:
//
//   - replica runs one replica of a group with your service in it;
//   - client sends operations to a group and checks its answers;
//   - statemachine says what a service is: Apply and Query over a key space;
//   - sim runs a whole group with your service under virtual time, network and
//     disk, with replicas that lie.
//
// The commands are cmd/replica, cmd/client and bench.
package varangian
