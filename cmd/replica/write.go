package main

import (
	"fmt"
	"strings"
)

const fileIntroduction = `# One replica of a Varangian group. What all parties must agree on stands in the
# group file; this file is the replica's own. Relative paths start at the folder
# of this file. A flag of replica run, or an environment variable as
# VARANGIAN_DATA_DIR, goes before it: "replica config print" shows who says what.
# A key that is absent, or behind a #, has the value that is shown here.

# Format of this file.
version = 1
`

// fileText returns a configuration file in which every key is documented. Those
// that are not given are there as comments with their defaults.
func fileText(given map[string]string) string {
	var b strings.Builder
	b.WriteString(fileIntroduction)
	for _, s := range table {
		mark, v := "# ", s.standard
		if g, ok := given[s.name]; ok {
			mark, v = "", g
		}
		fmt.Fprintf(&b, "\n# %s\n%s%s = %s\n", s.doc, mark, s.name, literal(s, v))
	}
	return b.String()
}

// literal returns a value as TOML. Paths of ours have no control characters.
func literal(s setting, v string) string {
	if s.integer {
		return v
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
}
