package main

import (
	"strings"
	"testing"
)

// R118: the texts of all mutants stand where they should, each once, so that a
// change of the code that takes a mutant away is seen at once.
func TestMutantsApply(t *testing.T) {
	names := map[string]bool{}
	for _, m := range all() {
		if names[m.name] || strings.ContainsAny(m.name, " /") {
			t.Errorf("%s: the name is taken or no file name", m.name)
		}
		names[m.name] = true
		if _, err := m.broken("../.."); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		if m.why == "" || m.rule == "" {
			t.Errorf("%s: it says no rule, or not why it is wrong", m.name)
		}
		if (m.masked == "") != (m.tests == "") || m.masked != "" && m.enemy != "" {
			t.Errorf("%s: what is masked names the tests that notice it and no enemy, and nothing else does", m.name)
		}
	}
	if len(names) < 40 {
		t.Errorf("%d mutants; there should be at least 40", len(names))
	}
}

// A text that is gone, one that stands twice, and a change that is none are
// refused.
func TestStaleMutants(t *testing.T) {
	for _, m := range []mutant{
		{file: "sim/mutants/doc.go", text: "what nobody " + "wrote"},
		{file: "sim/mutants/doc.go", text: "mutant"},
		{file: "sim/mutants/doc.go", text: "package main", replacement: "package main"},
		{file: "sim/mutants/none.go", text: "package main"},
	} {
		if _, err := m.broken("../.."); err == nil {
			t.Errorf("%+v is not refused", m)
		}
	}
}

// Every mutant belongs to one fifth, and no fifth is empty.
func TestFifths(t *testing.T) {
	counts := map[int]int{}
	for _, m := range all() {
		counts[m.fifth()]++
	}
	for k := range 5 {
		if counts[k] == 0 {
			t.Errorf("fifth %d is empty", k)
		}
	}
	if len(counts) != 5 {
		t.Errorf("fifths: %v", counts)
	}
}
