package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

// A T is the part of testing.T and rapid.T that the suite needs.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Open makes a new, empty store for a test. reopen ends the last store that
// either of them returned and opens the same data again. The test's own Cleanup
// ends the last one. Open is called several times in one test.
type Open func(t *testing.T) (s statemachine.Store, reopen func() statemachine.Store)

// Run runs the whole suite. With -short the random part is small.
func Run(t *testing.T, open Open) {
	tests := []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"empty", testEmpty},
		{"versions", testVersions},
		{"scan", testScan},
		{"ownership", testOwnership},
		{"refusals", testRefusals},
		{"window", testWindow},
		{"retire", testRetire},
		{"snapshot", testSnapshot},
		{"install", testInstall},
		{"install ends early", testInstallEndsEarly},
		{"install some partitions", testInstallSome},
		{"salvage", testSalvage},
		{"readers beside the writer", testReaders},
		{"model", testModel},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open) })
	}
}

// VersionAt is statemachine.VersionAt for plain numbers.
func VersionAt(s, attempt int) statemachine.Version {
	return statemachine.VersionAt(consensus.Sequence(s), uint8(attempt))
}

// MarkerAt returns a marker at a version, with a chain that no other version has.
func MarkerAt(v statemachine.Version) statemachine.Marker {
	return statemachine.Marker{Version: v, Chain: crypto.Hash(crypto.KindChain, fmt.Append(nil, v))}
}

// Set returns a change that sets a key.
func Set(key, value string) statemachine.Change {
	return statemachine.Change{Key: []byte(key), Value: []byte(value)}
}

// Delete returns a change that deletes a key.
func Delete(key string) statemachine.Change {
	return statemachine.Change{Key: []byte(key), Deleted: true}
}

func apply(t T, s statemachine.Store, v statemachine.Version, changes ...statemachine.Change) {
	t.Helper()
	if err := s.Apply(changes, MarkerAt(v)); err != nil {
		t.Fatalf("apply at %d: %v", v, err)
	}
}

// list returns a list as the contents of an installation.
func list(changes ...statemachine.Change) func() (statemachine.Change, bool, error) {
	return func() (c statemachine.Change, ok bool, err error) {
		if len(changes) == 0 {
			return c, false, nil
		}
		c, changes = changes[0], changes[1:]
		return c, true, nil
	}
}

// failing ends a list with an error instead.
func failing(err error, changes ...statemachine.Change) func() (statemachine.Change, bool, error) {
	next := list(changes...)
	return func() (statemachine.Change, bool, error) {
		c, ok, _ := next()
		if !ok {
			return c, false, err
		}
		return c, true, nil
	}
}

func install(t T, s statemachine.Store, q int, contents ...statemachine.Change) statemachine.Marker {
	t.Helper()
	return installSome(t, s, q, statemachine.AllPartitions(), contents...)
}

func installSome(t T, s statemachine.Store, q int, of statemachine.PartitionSet, contents ...statemachine.Change) statemachine.Marker {
	t.Helper()
	chain := crypto.Hash(crypto.KindChain, []byte("installed"))
	m, err := s.Install(consensus.Sequence(q), chain, of, list(contents...))
	if err != nil {
		t.Fatalf("install at %d: %v", q, err)
	}
	if m.Chain != chain || m.Version.Sequence() != consensus.Sequence(q) {
		t.Fatalf("install at %d returned the marker %d of sequence %d", q, m.Version, m.Version.Sequence())
	}
	WantMarker(t, s, m)
	return m
}

// WantMarker fails the test unless the store has this marker.
func WantMarker(t T, s statemachine.Store, want statemachine.Marker) {
	t.Helper()
	if got, err := s.Marker(); err != nil || got != want {
		t.Fatalf("marker is %d (%s), %v; want %d (%s)", got.Version, got.Chain.Short(), err, want.Version, want.Chain.Short())
	}
}

// WantNext fails the test unless this version is the next at sequence q.
func WantNext(t T, s statemachine.Store, q int, want statemachine.Version) {
	t.Helper()
	if got, err := s.Next(consensus.Sequence(q)); err != nil || got != want {
		t.Fatalf("next version at sequence %d is %d, %v; want %d", q, got, err, want)
	}
}

// WantErr fails the test unless err is want; what says in words what was done.
func WantErr(t T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: %v; want %v", what, err, want)
	}
}

// WantState compares the whole state at a version, by scan and by reads, and
// reads a key that is not there.
func WantState(t T, s statemachine.Store, at statemachine.Version, want ...statemachine.Change) {
	t.Helper()
	var got []statemachine.Change
	err := s.Scan(nil, nil, at, func(key, value []byte) bool {
		got = append(got, statemachine.Change{Key: bytes.Clone(key), Value: bytes.Clone(value)})
		return true
	})
	if err != nil {
		t.Fatalf("scan at %d: %v", at, err)
	}
	wantChanges(t, fmt.Sprintf("state at %d", at), got, want)
	for _, c := range want {
		if v, found, err := s.Read(c.Key, at); err != nil || !found || !bytes.Equal(v, c.Value) {
			t.Fatalf("read %q at %d: %q, %v, %v; want %q", c.Key, at, v, found, err, c.Value)
		}
	}
	if v, found, err := s.Read([]byte("no such key"), at); err != nil || found {
		t.Fatalf("read of a key that is not there: %q, %v, %v", v, found, err)
	}
}

// WantWindow compares the changes after one version and through another.
func WantWindow(t T, s statemachine.Store, after, through statemachine.Version, want ...statemachine.Change) {
	t.Helper()
	got, err := s.Window(after, through)
	if err != nil {
		t.Fatalf("window from %d to %d: %v", after, through, err)
	}
	wantChanges(t, fmt.Sprintf("window from %d to %d", after, through), got, want)
}

func wantChanges(t T, what string, got, want []statemachine.Change) {
	t.Helper()
	same := func(a, b statemachine.Change) bool {
		return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) && a.Deleted == b.Deleted
	}
	if !slices.EqualFunc(got, want, same) {
		t.Fatalf("%s is\n  %s\nwant\n  %s", what, show(got), show(want))
	}
}

func show(changes []statemachine.Change) string {
	var b bytes.Buffer
	for _, c := range changes {
		if c.Deleted {
			fmt.Fprintf(&b, "-%q ", c.Key)
		} else {
			fmt.Fprintf(&b, "%q=%.20q ", c.Key, c.Value)
		}
	}
	return b.String()
}
