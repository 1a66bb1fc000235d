package varangian_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// checkImports holds the packages under root against the plan. Test files may
// import what they like.
func checkImports(root string) ([]string, error) {
	all, err := sources(root)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, pkg := range rooms(all) {
		if _, ok := planned(pkg); !ok {
			out = append(out, pkg+": this package is not in the import plan: add a line for it to house_plan_test.go, "+
				"which says what it may import")
		}
	}
	graph := map[string][]string{}
	for _, s := range all {
		r, ok := planned(s.pkg)
		if s.test || !ok {
			continue
		}
		for _, spec := range s.file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return nil, err
			}
			admitted := r.admitsOther
			if folder, ours := strings.CutPrefix(name, module+"/"); ours {
				name, admitted = folder, r.admitsOurs
				graph[s.pkg] = append(graph[s.pkg], folder)
			}
			if !admitted(name) {
				out = append(out, fmt.Sprintf("%s: %s may not import %s: move the code to a package that may, "+
					"or change the plan in house_plan_test.go and say why in docs/decisions", s.at(spec.Pos()), s.pkg, name))
			}
		}
	}
	for _, d := range distances {
		for _, pkg := range rooms(all) {
			if !covers(d.from, pkg) {
				continue
			}
			if way := route(graph, pkg, d.to, nil); way != nil {
				out = append(out, fmt.Sprintf("%s: reaches %s by way of %s: cut one of these imports, since %s",
					pkg, d.to, strings.Join(way, ", "), d.why))
			}
		}
	}
	return out, nil
}

// admitsOurs says whether the plan lets r import a folder of this module.
func (r room) admitsOurs(folder string) bool {
	return slices.ContainsFunc(r.ours, func(o string) bool { return covers(o, folder) })
}

// admitsOther says whether the plan lets r import what is not of this module.
// The standard library has no dot in the first element of its paths.
func (r room) admitsOther(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return !strings.Contains(first, ".") ||
		slices.ContainsFunc(r.others, func(o string) bool { return name == o || strings.HasPrefix(name, o+"/") })
}

// route returns the chain of imports from one package to another, if there is
// one.
func route(graph map[string][]string, from, to string, seen []string) []string {
	if slices.Contains(seen, from) {
		return nil
	}
	for _, next := range graph[from] {
		if next == to {
			return []string{from, to}
		}
		if way := route(graph, next, to, append(seen, from)); way != nil {
			return append([]string{from}, way...)
		}
	}
	return nil
}
