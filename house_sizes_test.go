package varangian_test

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
	"unicode"
)

const (
	fileLinesMax     = 600 // of a file, tests too
	functionLinesMax = 70  // between the braces of a function that is no test
)

// checkSizes finds what wants to be split by section of the protocol.
func checkSizes(root string) ([]string, error) {
	all, err := sources(root)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, s := range all {
		if s.lines > fileLinesMax {
			out = append(out, fmt.Sprintf("%s: has %d lines, more than %d: split it by section of the protocol",
				s.name, s.lines, fileLinesMax))
		}
		if s.test {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			lines := s.fset.Position(f.Body.Rbrace).Line - s.fset.Position(f.Body.Lbrace).Line - 1
			if lines > functionLinesMax {
				out = append(out, fmt.Sprintf("%s: %s has %d lines, more than %d: take a step with a name of its own out of it",
					s.at(f.Pos()), f.Name.Name, lines, functionLinesMax))
			}
		}
	}
	return out, nil
}

// checkDocs finds packages without a comment, and exported names without one
// that speaks of them.
func checkDocs(root string) ([]string, error) {
	all, err := sources(root)
	if err != nil {
		return nil, err
	}
	var out []string
	documented := map[string]bool{}
	for _, s := range all {
		if s.test {
			continue
		}
		documented[s.pkg] = documented[s.pkg] || s.file.Doc.Text() != ""
		for _, d := range s.file.Decls {
			for _, n := range undocumented(d) {
				out = append(out, fmt.Sprintf("%s: %s is exported, and no comment that names it says what its user may rely on: "+
					"write one, or do not export it", s.at(n.Pos()), n.Name))
			}
		}
	}
	for _, pkg := range rooms(all) {
		if !documented[pkg] {
			out = append(out, pkg+": no package comment says what this package's one job is: write one above its package clause")
		}
	}
	return out, nil
}

// undocumented returns the exported names that d declares without a comment. A
// group of values may have one comment for all, and methods that every Go programmer
// knows need none.
func undocumented(d ast.Decl) []*ast.Ident {
	switch d := d.(type) {
	case *ast.FuncDecl:
		known := d.Recv != nil && slices.Contains([]string{"Error", "String", "Unwrap", "Len", "Less", "Swap"}, d.Name.Name)
		if d.Name.IsExported() && !known && exportedReceiver(d) && !names(d.Doc, d.Name) {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		var out []*ast.Ident
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() && !names(spec.Doc, spec.Name) && !names(d.Doc, spec.Name) {
					out = append(out, spec.Name)
				}
			case *ast.ValueSpec:
				for _, n := range spec.Names {
					if n.IsExported() && d.Doc.Text() == "" && spec.Doc.Text() == "" && spec.Comment.Text() == "" {
						out = append(out, n)
					}
				}
			}
		}
		return out
	}
	return nil
}

// names says whether a comment speaks of the name that it belongs to.
func names(doc *ast.CommentGroup, name *ast.Ident) bool {
	words := strings.FieldsFunc(doc.Text(), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' })
	for _, w := range words {
		if w == name.Name {
			return true
		}
	}
	return false
}

// exportedReceiver says whether the reader of the package's documentation sees
// the method d, or d is a function.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}
