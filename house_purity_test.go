package varangian_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"
)

// impure are the packages, with all below them, whose results depend on more
// than their arguments, or that let a second goroutine in.
var impure = []string{
	"context", "crypto/rand", "hash/maphash", "log", "math/rand", "net", "os", "plugin", "runtime", "sync", "syscall",
	"testing", "unique", "unsafe", "weak", "golang.org/x/sys", "golang.org/x/sync",
}

// orderFree is the comment, at the end of a loop's first line or on the line
// above it, that says why a range over a map gives the same result in any order.
const orderFree = "order-free: "

// checkPurity holds the packages that decide to what makes them deterministic:
// no clock, goroutine, channel, lock, random source, disk or socket of their
// own, and nothing that depends on the order of a map.
func checkPurity(root string) ([]string, error) {
	all, err := sources(root)
	if err != nil {
		return nil, err
	}
	var patterns []string
	for _, pkg := range rooms(all) {
		if r, _ := planned(pkg); r.pure {
			patterns = append(patterns, "./"+filepath.ToSlash(filepath.Join(root, pkg)))
		}
	}
	if len(patterns) == 0 {
		return nil, nil
	}
	fset := token.NewFileSet()
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo |
			packages.NeedImports,
		Fset: fset,
	}, patterns...)
	if err != nil {
		return nil, err
	}
	home, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	p := purity{fset: fset, root: home}
	for _, pkg := range loaded {
		if len(pkg.Errors) > 0 {
			p.out = append(p.out, fmt.Sprintf("%s: does not compile, so its purity is unknown: %s", pkg.PkgPath, pkg.Errors[0].Msg))
		}
		p.info = pkg.TypesInfo
		p.seeded = pkg.Name == "sim"
		for _, f := range pkg.Syntax {
			p.look(f)
		}
	}
	return p.out, nil
}

// purity collects what is wrong in the files that it looks at.
type purity struct {
	fset   *token.FileSet
	info   *types.Info
	root   string
	seeded bool // the simulator: may have random sources that are made from a seed, and report to a test
	excuse map[int]bool
	out    []string
}

func (p *purity) complain(pos token.Pos, format string, args ...any) {
	at := p.fset.Position(pos)
	name, err := filepath.Rel(p.root, at.Filename)
	if err != nil {
		name = at.Filename
	}
	p.out = append(p.out, fmt.Sprintf("%s:%d: ", filepath.ToSlash(name), at.Line)+fmt.Sprintf(format, args...))
}

func (p *purity) look(f *ast.File) {
	p.excuse = map[int]bool{}
	for _, group := range f.Comments {
		for _, c := range group.List {
			if _, why, ok := strings.Cut(c.Text, orderFree); ok && strings.TrimSpace(why) != "" {
				line := p.fset.Position(c.Pos()).Line
				p.excuse[line] = true
				p.excuse[p.fset.Position(group.End()).Line+1] = true
			}
		}
	}
	for _, spec := range f.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil || p.seeded && (name == "math/rand/v2" || name == "testing") {
			continue
		}
		if slices.ContainsFunc(impure, func(i string) bool { return name == i || strings.HasPrefix(name, i+"/") }) {
			p.complain(spec.Pos(), "a pure package may not import %s: let the shell do it and hand the result in as an event", name)
		}
	}
	sorted := map[ast.Expr]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		p.node(n, sorted)
		return true
	})
}

// node looks at one piece of syntax. sorted holds the iterators over a map that
// are sorted at once.
func (p *purity) node(n ast.Node, sorted map[ast.Expr]bool) {
	const events = "decide in Step and let the shell run it"
	switch n := n.(type) {
	case *ast.GoStmt:
		p.complain(n.Pos(), "a pure package starts no goroutine: %s", events)
	case *ast.SelectStmt:
		p.complain(n.Pos(), "a pure package has no select: %s", events)
	case *ast.ChanType:
		p.complain(n.Pos(), "a pure package has no channels: %s", events)
	case *ast.SendStmt:
		p.complain(n.Pos(), "a pure package has no channels: %s", events)
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			p.complain(n.Pos(), "a pure package has no channels: %s", events)
		}
	case *ast.RangeStmt:
		if overMap(p.info.TypeOf(n.X)) && !p.excused(n.Pos()) {
			p.complain(n.Pos(), "the order of this range over a map is random: range over sorted keys or a slice, "+
				"or say `// %s<why>` at this line", orderFree)
		}
	case *ast.CallExpr:
		if p.calls(n, "slices", "Sorted", "SortedFunc", "SortedStableFunc") && len(n.Args) > 0 {
			sorted[n.Args[0]] = true
		}
		if p.calls(n, "maps", "Keys", "Values", "All") && !sorted[n] && !p.excused(n.Pos()) {
			p.complain(n.Pos(), "the order of a map's keys and values is random: wrap this in slices.Sorted, or say `// %s<why>` at this line",
				orderFree)
		}
	case *ast.SelectorExpr:
		p.uses(n.Sel)
	}
}

func (p *purity) excused(pos token.Pos) bool { return p.excuse[p.fset.Position(pos).Line] }

// calls says whether c calls one of the named functions of a standard package.
func (p *purity) calls(c *ast.CallExpr, pkg string, names ...string) bool {
	fun := c.Fun
	if index, ok := fun.(*ast.IndexExpr); ok {
		fun = index.X
	}
	sel, ok := fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	f, ok := p.info.Uses[sel.Sel].(*types.Func)
	return ok && f.Pkg() != nil && f.Pkg().Path() == pkg && slices.Contains(names, f.Name())
}

// uses looks at a name of another package: of time only types of values and
// constants are pure, of math/rand/v2 only what is made from a seed.
func (p *purity) uses(id *ast.Ident) {
	obj := p.info.Uses[id]
	if obj == nil || obj.Pkg() == nil {
		return
	}
	name := obj.Name()
	switch obj.Pkg().Path() {
	case "time":
		if !pureTime(obj) {
			p.complain(id.Pos(), "time.%s is a clock, or depends on where it runs: take the time from an event (Tick) or from the agreed time", name)
		}
	case "math/rand/v2":
		f, ok := obj.(*types.Func)
		if ok && f.Signature().Recv() == nil && !strings.HasPrefix(name, "New") {
			p.complain(id.Pos(), "rand.%s draws from a source that no seed repeats: draw from the run's own source", name)
		}
	}
}

func pureTime(obj types.Object) bool {
	switch obj := obj.(type) {
	case *types.Const:
		return true
	case *types.TypeName:
		return obj.Name() != "Timer" && obj.Name() != "Ticker" && obj.Name() != "Location"
	case *types.Var:
		return obj.IsField() || obj.Name() == "UTC"
	case *types.Func:
		if obj.Signature().Recv() != nil {
			return obj.Name() != "Local"
		}
		return obj.Name() == "Date" || obj.Name() == "ParseDuration"
	}
	return false
}

// overMap says whether a range over t has a random order: over a map, or over
// what a type parameter lets be one.
func overMap(t types.Type) bool {
	if t == nil {
		return false
	}
	param, ok := types.Unalias(t).(*types.TypeParam)
	if !ok {
		_, ok := t.Underlying().(*types.Map)
		return ok
	}
	constraint, ok := param.Constraint().Underlying().(*types.Interface)
	if !ok {
		return false
	}
	for e := range constraint.EmbeddedTypes() {
		union, ok := e.(*types.Union)
		if !ok {
			if overMap(e) {
				return true
			}
			continue
		}
		for term := range union.Terms() {
			if overMap(term.Type()) {
				return true
			}
		}
	}
	return false
}
