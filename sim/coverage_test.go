package sim

import (
	"reflect"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/replica/core"
)

// Every list that a core or an engine puts out is counted under its own name.
func TestEveryEffectIsCounted(t *testing.T) {
	lists := func(v any) (names []string) {
		for f := range reflect.TypeOf(v).Fields() {
			if f.Type.Kind() == reflect.Slice {
				names = append(names, f.Name)
			}
		}
		return names
	}
	if got, want := outputNames[:], lists(core.Output{}); !reflect.DeepEqual(got, want) {
		t.Errorf("core.Output has %v; counted are %v", want, got)
	}
	if got, want := effectNames[:], lists(consensus.Effects{}); !reflect.DeepEqual(got, want) {
		t.Errorf("consensus.Effects has %v; counted are %v", want, got)
	}
	for i, ev := range []consensus.Event{
		consensus.Started{},
		consensus.Submitted{},
		consensus.Received{},
		consensus.Persisted{},
		consensus.Completed{},
		consensus.Executed{},
		consensus.Flushed{},
		consensus.Installed{},
		consensus.Suspected{},
		consensus.Overdue{},
		consensus.Tick{},
	} {
		if n := eventNumber(ev); n != i || eventNames[n] != reflect.TypeOf(ev).Name() {
			t.Errorf("%T is counted as %s", ev, eventNames[n])
		}
	}
}

func TestCoverageAdds(t *testing.T) {
	var a, b Coverage
	a.Network[networkLost], b.Network[networkLost] = 1, 2
	a.count("x")
	b.count("x")
	b.count("y")
	a.Add(&b)
	got := map[string]uint64{}
	for _, c := range a.Counts() {
		got[c.Name] = c.Times
	}
	if got["frame lost"] != 3 || got["x"] != 2 || got["y"] != 1 {
		t.Errorf("counts %v", got)
	}
	if _, ok := got["engine effect Halt"]; !ok {
		t.Error("what was never reached is not listed")
	}
}

// Histories that no order explains are told from those that one does.
func TestKeyModel(t *testing.T) {
	put := func(value string, began, ended int64) porcupine.Operation {
		return porcupine.Operation{Input: &call{op: opPut, value: value, ended: 1}, Call: began, Return: ended, Output: "1:"}
	}
	read := func(value string, began, ended int64) porcupine.Operation {
		out := "1:\x00"
		if value != "" {
			out = "1:\x01\x00\x00" + string(rune(len(value))) + value
		}
		return porcupine.Operation{ClientId: 1, Input: &call{op: opRead, ended: 1}, Call: began, Return: ended, Output: out}
	}
	lost := porcupine.Operation{ClientId: 2, Input: &call{op: opDelete}, Call: 0, Return: 100, Output: ""}
	for name, c := range map[string]struct {
		history []porcupine.Operation
		fine    bool
	}{
		"in order":                {[]porcupine.Operation{put("7", 0, 1), read("7", 2, 3)}, true},
		"side by side":            {[]porcupine.Operation{put("7", 0, 5), read("", 2, 3)}, true},
		"stale read":              {[]porcupine.Operation{put("7", 0, 1), read("", 2, 3)}, false},
		"value of nobody":         {[]porcupine.Operation{put("7", 0, 1), read("8", 2, 3)}, false},
		"back in time":            {[]porcupine.Operation{put("7", 0, 1), put("8", 2, 9), read("8", 3, 4), read("7", 5, 6)}, false},
		"explained by a lost one": {[]porcupine.Operation{put("7", 0, 1), lost, read("", 2, 3)}, true},
	} {
		if got := porcupine.CheckOperations(keyModel, c.history); got != c.fine {
			t.Errorf("%s: %v", name, got)
		}
	}
}
