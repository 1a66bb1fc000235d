package varangian_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path"
	"slices"
	"strings"
	"unicode"
)

// A word is one line of the table of forbidden words in docs/words.md.
type word struct {
	word    string
	instead string
	scope   string   // "name": any declared name; "title": packages, files, exported types; "prefix": of functions
	allowed []string // folders
}

// checkWords finds declared names that use a word against docs/words.md. Names
// in tests are free.
func checkWords(root string) ([]string, error) {
	words, err := forbidden("docs/words.md")
	if err != nil {
		return nil, err
	}
	all, err := sources(root)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, s := range all {
		if s.test {
			continue
		}
		for _, n := range declared(s) {
			for _, w := range words {
				if w.in(n) && !slices.ContainsFunc(w.allowed, func(a string) bool { return covers(a, s.pkg) }) {
					out = append(out, fmt.Sprintf("%s: %s uses the word %q: write %s (docs/words.md)", s.at(n.pos), n.name, w.word, w.instead))
				}
			}
		}
	}
	return out, nil
}

// forbidden reads the last table of a file: word, instead, scope, allowed in.
func forbidden(name string) ([]word, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	_, table, _ := strings.Cut(string(text), "\n## Forbidden")
	var out []word
	for cells := range rows(table) {
		if len(cells) != 4 || !slices.Contains([]string{"name", "title", "prefix"}, cells[2]) {
			return nil, fmt.Errorf("%s: line %q of the forbidden words wants four cells, the third name, title or prefix", name, cells)
		}
		out = append(out, word{cells[0], cells[1], cells[2], strings.Fields(cells[3])})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no table under a heading that starts with Forbidden", name)
	}
	return out, nil
}

// rows yields the cells of each line of the Markdown tables in text but heads.
func rows(text string) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		head := true
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, "|") {
				head = true
				continue
			}
			if strings.HasPrefix(line, "| ---") {
				head = false
				continue
			}
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			if !head && !yield(cells) {
				return
			}
		}
	}
}

// A declaration is a name that a file gives to something.
type declaration struct {
	name  string
	pos   token.Pos
	title bool // of a package, a file or an exported type
	call  bool // of a function or method
}

// in says whether n uses w: as one of its parts, in the plural too.
func (w word) in(n declaration) bool {
	parts := split(n.name)
	switch w.scope {
	case "prefix":
		return n.call && len(parts) > 1 && parts[0] == w.word
	case "title":
		return n.title && slices.Contains(parts, w.word)
	default:
		return slices.Contains(parts, w.word) || slices.Contains(parts, w.word+"s")
	}
}

// split returns the parts of a camel-case or snake-case name in lower case:
// nodeIDs gives node, ids.
func split(name string) []string {
	var parts []string
	runes := []rune(name)
	start := 0
	cut := func(end int) {
		if end > start {
			parts = append(parts, strings.ToLower(string(runes[start:end])))
		}
		start = end
	}
	for i, r := range runes {
		switch {
		case r == '_' || r == '.':
			cut(i)
			start = i + 1
		case i > 0 && unicode.IsUpper(r) && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]) && runes[i+1] != 's'):
			cut(i)
		}
	}
	cut(len(runes))
	return parts
}

// declared returns the names that s declares, its own and its package's
// included.
func declared(s source) []declaration {
	file := strings.TrimSuffix(path.Base(s.name), ".go")
	out := []declaration{
		{name: s.file.Name.Name, pos: s.file.Name.Pos(), title: true},
		{name: file, pos: s.file.Package, title: true},
	}
	add := func(ids ...*ast.Ident) {
		for _, id := range ids {
			out = append(out, declaration{name: id.Name, pos: id.Pos()})
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			out = append(out, declaration{name: n.Name.Name, pos: n.Name.Pos(), call: true})
		case *ast.TypeSpec:
			out = append(out, declaration{name: n.Name.Name, pos: n.Name.Pos(), title: n.Name.IsExported()})
		case *ast.ValueSpec:
			add(n.Names...)
		case *ast.Field:
			_, function := n.Type.(*ast.FuncType)
			for _, id := range n.Names {
				out = append(out, declaration{name: id.Name, pos: id.Pos(), call: function})
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, x := range n.Lhs {
					if id, ok := x.(*ast.Ident); ok {
						add(id)
					}
				}
			}
		case *ast.RangeStmt:
			for _, x := range []ast.Expr{n.Key, n.Value} {
				if id, ok := x.(*ast.Ident); ok && n.Tok == token.DEFINE {
					add(id)
				}
			}
		}
		return true
	})
	return out
}
