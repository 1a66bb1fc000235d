// Package scenario retells published attacks on, and failures of, Byzantine
// replication, each in a test file of its own that cites its source and rule: the
// attack is carried out on a group of whole replicas of package sim, and the test
// says what becomes of it here. It holds no code of its own.
package scenario
