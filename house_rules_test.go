package varangian_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A rule is one line of docs/rules.md.
type rule struct {
	number int
	keeper []string // the packages that keep it
	later  string   // the work that brings its test; empty when a test must cite it
}

// laters are the pieces of work that a rule's test may wait for.
var laters = []string{"simulator", "durability", "performance", "reconfiguration", "reads", "operations"}

var citation = regexp.MustCompile(`\bR([1-9][0-9]{0,2})\b`)

// A cite is one place that names a rule.
type cite struct {
	number int
	where  string
	tested bool // the place is a test, or a script or suite that tests run
}

// checkRules holds rules and tests against each other: each cited rule exists,
// and each rule whose keepers all have tests is cited by one, or marked as
// coming later.
func checkRules(root string) ([]string, error) {
	rules, err := readRules(filepath.Join(root, "docs", "rules.md"))
	if err != nil {
		return nil, err
	}
	cites, err := citations(root)
	if err != nil {
		return nil, err
	}
	all, err := sources(root)
	if err != nil {
		return nil, err
	}
	var out []string
	known, tested := map[int]bool{}, map[int]bool{}
	for _, r := range rules {
		known[r.number] = true
	}
	for _, c := range cites {
		tested[c.number] = tested[c.number] || c.tested
		if !known[c.number] {
			out = append(out, fmt.Sprintf("%s: cites R%d, which docs/rules.md does not have: correct the number, or add the rule",
				c.where, c.number))
		}
	}
	for _, r := range rules {
		waits := func(keeper string) bool {
			return !slices.ContainsFunc(all, func(s source) bool { return s.pkg == keeper && s.test })
		}
		if r.later == "" && !tested[r.number] && !slices.ContainsFunc(r.keeper, waits) {
			out = append(out, fmt.Sprintf("docs/rules.md: R%d is cited by no test or script: write one in %s that cites it, "+
				"or say in the last column which work brings it", r.number, strings.Join(r.keeper, " or ")))
		}
	}
	return out, nil
}

// early returns the rules that a test cites although docs/rules.md says that
// their test comes later: a part of it may be there, or all.
func early(root string) ([]string, error) {
	rules, err := readRules(filepath.Join(root, "docs", "rules.md"))
	if err != nil {
		return nil, err
	}
	cites, err := citations(root)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range rules {
		i := slices.IndexFunc(cites, func(c cite) bool { return c.tested && c.number == r.number })
		if r.later != "" && i >= 0 {
			out = append(out, fmt.Sprintf("docs/rules.md: R%d waits for %s, and %s cites it: if that test covers it, empty the last column",
				r.number, r.later, cites[i].where))
		}
	}
	return out, nil
}

// readRules reads the tables of a file: number, title, keepers, later.
func readRules(name string) ([]rule, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var out []rule
	for cells := range rows(string(text)) {
		if len(cells) != 4 {
			return nil, fmt.Errorf("%s: line %q wants four cells: rule, title, kept by, later", name, cells)
		}
		digits, isRule := strings.CutPrefix(cells[0], "R")
		n, err := strconv.Atoi(digits)
		r := rule{number: n, keeper: strings.Fields(cells[2]), later: cells[3]}
		switch {
		case !isRule || err != nil || slices.ContainsFunc(out, func(o rule) bool { return o.number == n }):
			return nil, fmt.Errorf("%s: %q is no number of a rule, or comes twice", name, cells[0])
		case r.later != "" && !slices.Contains(laters, r.later):
			return nil, fmt.Errorf("%s: R%d comes later with %q: write one of %s", name, n, r.later, strings.Join(laters, ", "))
		case len(r.keeper) == 0:
			return nil, fmt.Errorf("%s: R%d is kept by no package", name, n)
		}
		for _, k := range r.keeper {
			if _, ok := planned(k); !ok {
				return nil, fmt.Errorf("%s: R%d is kept by %s, which is not in the import plan", name, n, k)
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// citations finds the rules that comments of Go files, scripts below testdata
// and documents name.
func citations(root string) ([]cite, error) {
	all, err := sources(root)
	if err != nil {
		return nil, err
	}
	var out []cite
	for _, s := range all {
		r, _ := planned(s.pkg)
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				out = append(out, cited(c.Text, s.name, s.fset.Position(c.Pos()).Line, s.test || r.suite)...)
			}
		}
	}
	for _, pkg := range append(rooms(all), "docs") {
		stories, err := below(filepath.Join(root, pkg, "testdata", "script"))
		if err != nil {
			return nil, err
		}
		documents, err := filepath.Glob(filepath.Join(root, pkg, "*.md"))
		if err != nil {
			return nil, err
		}
		for i, name := range append(stories, documents...) {
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			rel, err := filepath.Rel(root, name)
			if err != nil {
				return nil, err
			}
			if rel = filepath.ToSlash(rel); rel != "docs/rules.md" {
				out = append(out, cited(string(text), rel, 1, i < len(stories))...)
			}
		}
	}
	return out, nil
}

// below returns the files in a folder and its folders; none if it is not there.
func below(folder string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, name)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return out, err
}

// cited returns the rules that text names. Its first line is the given one of
// the file.
func cited(text, file string, line int, tested bool) []cite {
	var out []cite
	for l := range strings.Lines(text) {
		for _, m := range citation.FindAllStringSubmatch(l, -1) {
			if n, err := strconv.Atoi(m[1]); err == nil {
				out = append(out, cite{n, fmt.Sprintf("%s:%d", file, line), tested})
			}
		}
		line++
	}
	return out
}
