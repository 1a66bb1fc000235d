// Package group runs a whole group of replicas as real processes on this machine,
// from the binaries that users run: it builds them, lays the group out, starts,
// kills and asks its replicas.
//
// No process outlives its caller: a replica ends when the pipe that it got as its
// standard input closes, whatever ended the caller. No folder outlives it either,
// but after SIGKILL, and then the next call of NewWorkspace removes it.
//
// The package measures nothing and knows no client.
//
// The caller
//
//  1. calls EndWithParent first, and works under the context that it returns;
//  2. closes each Group, and then the Workspace;
//  3. does not share a Group between goroutines while it starts or ends replicas.
package group
