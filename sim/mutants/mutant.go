package main

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A mutant is one way to be wrong.
type mutant struct {
	name        string
	rule        string // that it breaks
	file        string // from the root of the module
	text        string // stands in file once
	replacement string
	why         string // what goes wrong
	enemy       string // expression for the schedules that should notice; they come first
	masked      string // why the simulator cannot see it: something else makes up for it
	tests       string // expression for the tests of its package that do, if it is masked
	stalls      bool   // the only sign may be that the program does not come back
}

// all returns every mutant, by name.
func all() []mutant {
	list := slices.Concat(ordering, views, durability, recovery, disks, executing, moving, talking)
	slices.SortFunc(list, func(a, b mutant) int { return strings.Compare(a.name, b.name) })
	return list
}

// fifth says which of five parts a mutant belongs to. It depends on its name
// alone, so that a new mutant does not move the others.
func (m mutant) fifth() int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(m.name))
	return int(h.Sum32() % 5)
}

// broken returns the file with the mutant in it.
func (m mutant) broken(root string) ([]byte, error) {
	source, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return nil, err
	}
	switch n := strings.Count(string(source), m.text); {
	case n == 0:
		return nil, fmt.Errorf("%s has no longer the text %q: write the mutant anew", m.file, m.text)
	case n > 1:
		return nil, fmt.Errorf("%s has the text %q %d times: make it longer", m.file, m.text, n)
	case m.text == m.replacement:
		return nil, fmt.Errorf("the replacement in %s changes nothing", m.file)
	}
	return []byte(strings.Replace(string(source), m.text, m.replacement, 1)), nil
}
