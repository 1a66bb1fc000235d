package consensustest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/varangian-bft/varangian/consensus"
)

// A Line is one command of a script. What is missing or malformed ends the test
// with the line's place.
type Line struct {
	t *testing.T
	d *datadriven.TestData
}

// Flag reports whether a word stands in the line.
func (l *Line) Flag(name string) bool {
	for _, a := range l.d.CmdArgs {
		if a.Key == name && len(a.Vals) == 0 {
			return true
		}
	}
	return false
}

// List returns the values of name=(a,b), none if it is not there.
func (l *Line) List(name string) []string {
	for _, a := range l.d.CmdArgs {
		if a.Key == name {
			return a.Vals
		}
	}
	return nil
}

// Text returns the value of name=value, or another one if it is not there.
func (l *Line) Text(name, otherwise string) string {
	if v := l.List(name); len(v) == 1 {
		return v[0]
	}
	return otherwise
}

// Number returns the value of name=number, or another one if it is not there.
func (l *Line) Number(name string, otherwise uint64) uint64 {
	text := l.Text(name, "")
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		l.d.Fatalf(l.t, "%s: %v", name, err)
	}
	return n
}

// Duration returns the value of name=duration, or 0.
func (l *Line) Duration(name string) time.Duration {
	text := l.Text(name, "0s")
	d, err := time.ParseDuration(text)
	if err != nil {
		l.d.Fatalf(l.t, "%s: %v", name, err)
	}
	return d
}

// Replica returns the replica of name=r1.
func (l *Line) Replica(name string) consensus.ReplicaID { return l.replica(l.Text(name, "")) }

// Replicas returns the replicas of name=(r1,r2).
func (l *Line) Replicas(name string) (list []consensus.ReplicaID) {
	for _, text := range l.List(name) {
		list = append(list, l.replica(text))
	}
	return list
}

func (l *Line) replica(text string) consensus.ReplicaID {
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "r"), 10, 32)
	if err != nil || !strings.HasPrefix(text, "r") {
		l.d.Fatalf(l.t, "%q is no replica", text)
	}
	return consensus.ReplicaID(n)
}

// Receiver returns the replica that the line is about.
func (l *Line) Receiver() consensus.ReplicaID { return l.replica(l.word(0)) }

// word returns the i-th argument, which has no value.
func (l *Line) word(i int) string {
	if i >= len(l.d.CmdArgs) {
		l.d.Fatalf(l.t, "%s needs more arguments", l.d.Cmd)
	}
	return l.d.CmdArgs[i].Key
}

// fail ends the test with the line's place.
func (l *Line) fail(err error) { l.d.Fatalf(l.t, "%v", err) }

func (l *Line) String() string { return fmt.Sprintf("%s: %s", l.d.Pos, l.d.Cmd) }
