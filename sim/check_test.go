package sim_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/varangian-bft/varangian/sim"
	"github.com/varangian-bft/varangian/statemachine"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// A verdict stands in for the test that Check reports to.
type verdict struct {
	testing.TB
	text string
}

func (*verdict) Helper() {}

// Errorf implements testing.TB.
func (v *verdict) Errorf(format string, args ...any) { v.text += fmt.Sprintf(format, args...) }

func increments(u sim.User) (ops [][]byte) {
	for range 10 {
		ops = append(ops, kv.Increment(fmt.Appendf(nil, "k%d", u.IntN(3)), 1))
	}
	return ops
}

// R109: an application that does the same everywhere passes.
func TestCheckPasses(t *testing.T) {
	sim.Check(t, kv.New, increments, sim.Seeds(1, 4), sim.Clients(2))
}

// fickle departs from what its operations say in one way.
type fickle struct {
	statemachine.Application
	way   string
	count *int
	own   int
}

// Apply implements statemachine.Application.
func (f *fickle) Apply(w statemachine.Writer, op []byte) ([]byte, error) {
	*f.count++
	f.own++
	switch f.way {
	case "map order":
		for key := range map[string]bool{"a": true, "b": true, "c": true, "d": true} {
			w.Set([]byte(key), nil)
		}
	case "value":
		w.Set([]byte("total"), fmt.Append(nil, *f.count))
	case "result":
		return fmt.Append(nil, *f.count), nil
	case "error":
		return nil, errors.New(fmt.Sprint(*f.count))
	case "delete":
		if *f.count%2 == 0 {
			w.Delete([]byte("gone"))
		} else {
			w.Set([]byte("gone"), nil)
		}
	case "sometimes":
		if *f.count%2 == 0 {
			w.Set([]byte("odd"), nil)
		}
	}
	return f.Application.Apply(w, op)
}

// R109: one that does not is named, with the operation and where it parted.
func TestCheckNamesWhatDiffers(t *testing.T) {
	for way, want := range map[string]string{
		"map order": "where it wrote key", "value": `under key "total"`, "result": "answered", "error": "failed with",
		"delete": `under key "gone"`, "sometimes": `key "odd"`,
	} {
		v, count := &verdict{TB: t}, 0
		sim.Check(v, func() statemachine.Application { return &fickle{Application: kv.New(), way: way, count: &count} }, increments,
			sim.Seeds(1, 2))
		if !strings.Contains(v.text, "not deterministic: operation") || !strings.Contains(v.text, want) {
			t.Errorf("%s: %q", way, v.text)
		}
	}
}
