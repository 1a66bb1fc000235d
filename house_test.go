// The house rules of this repository, as ordinary tests: who may import whom,
// what pure packages may not do, how long files are, that names are documented
// and forbidden words avoided, and that rules and tests cite each other.
//
// Each check is a function over a directory, and testdata/house holds a sin for
// each, so that a check that went blind is noticed.
package varangian_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module is the import path that every package of ours starts with.
const module = "github.com/varangian-bft/varangian"

// A check looks at all packages under root and says, one sentence each, what is
// wrong and what to do.
type check func(root string) ([]string, error)

var checks = map[string]check{
	"imports": checkImports,
	"purity":  checkPurity,
	"sizes":   checkSizes,
	"docs":    checkDocs,
	"words":   checkWords,
	"rules":   checkRules,
}

func TestHouse(t *testing.T) {
	for name, run := range checks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			complaints, err := run(".")
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range complaints {
				t.Error(c)
			}
			if name == "rules" {
				remarks, err := early(".")
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range remarks {
					t.Log(r) // seen with -v
				}
			}
		})
	}
}

// A sin is planted in testdata/house by a comment `// want: TEXT` at its line,
// or in a file WANT for what has no line. A fixture's check must complain of
// exactly these.
func TestHouseCatchesItsSins(t *testing.T) {
	for name, run := range checks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := filepath.Join("testdata", "house", name)
			complaints, err := run(root)
			if err != nil {
				t.Fatal(err)
			}
			wanted, err := wants(root)
			if err != nil {
				t.Fatal(err)
			}
			if len(wanted) == 0 {
				t.Fatalf("%s plants no sin: the check proves nothing", root)
			}
			for _, w := range wanted {
				i := slices.IndexFunc(complaints, func(c string) bool {
					return strings.HasPrefix(c, w.where) && strings.Contains(c, w.what)
				})
				if i < 0 {
					t.Errorf("no complaint at %q about %q", w.where, w.what)
					continue
				}
				complaints = slices.Delete(complaints, i, i+1)
			}
			for _, c := range complaints {
				t.Errorf("complains of what is allowed: %s", c)
			}
		})
	}
}

// A want is a complaint that a fixture must cause.
type want struct{ where, what string }

func wants(root string) ([]want, error) {
	var out []want
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(text), "\n") {
			switch _, what, found := strings.Cut(line, "want: "); {
			case found:
				out = append(out, want{fmt.Sprintf("%s:%d:", filepath.ToSlash(rel), i+1), what})
			case d.Name() == "WANT" && line != "":
				where, what, _ := strings.Cut(line, ": ")
				out = append(out, want{where + ":", what})
			}
		}
		return nil
	})
	return out, err
}

// A source is one Go file under the directory that a check looks at.
type source struct {
	name  string // relative to the directory, with slashes
	pkg   string // its folder, "." at the root
	test  bool
	lines int
	fset  *token.FileSet
	file  *ast.File
}

// at names a place in s as complaints do.
func (s source) at(pos token.Pos) string {
	return fmt.Sprintf("%s:%d", s.name, s.fset.Position(pos).Line)
}

// sources parses every Go file below root but what the go command ignores, other
// modules, and generated files.
func sources(root string) ([]source, error) {
	var out []source
	fset := token.NewFileSet()
	err := walk(root, func(name string) error {
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		file, err := parser.ParseFile(fset, filepath.Join(root, filepath.FromSlash(name)), nil,
			parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if ast.IsGenerated(file) {
			return nil
		}
		out = append(out, source{
			name: name, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go"),
			lines: fset.File(file.FileStart).LineCount(), fset: fset, file: file,
		})
		return nil
	})
	return out, err
}

// walk calls f with each file below root that belongs to this module, testdata
// left out.
func walk(root string, f func(name string) error) error {
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return f(filepath.ToSlash(rel))
		}
		if rel == "." {
			return nil
		}
		_, err = os.Stat(filepath.Join(name, "go.mod"))
		if err == nil || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") {
			return fs.SkipDir
		}
		return nil
	})
}

// rooms returns the folders that hold packages, sorted.
func rooms(all []source) []string {
	var out []string
	for _, s := range all {
		if !s.test && !slices.Contains(out, s.pkg) {
			out = append(out, s.pkg)
		}
	}
	slices.Sort(out)
	return out
}
