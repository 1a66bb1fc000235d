package groupfile

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
)

const introduction = `# A Varangian group. Every party has the same file. All of it but the addresses
# makes up the group id: whoever has other values is in another group. So change
# nothing but addresses once the group has started.
`

// Marshal returns the text of the file, with a comment above each key (above the
// first of each kind in lists). The same File always gives the same text, and
// Parse gives the same File back.
func (f *File) Marshal() ([]byte, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	d := newDocument(f)
	var b bytes.Buffer
	b.WriteString(introduction)
	writeKeys(&b, reflect.ValueOf(d).Elem(), true)
	b.WriteString("\n# Limits and intervals that every replica must agree on.\n[parameters]\n")
	writeKeys(&b, reflect.ValueOf(d.Parameters).Elem(), true)
	if d.Origin != nil {
		b.WriteString("\n# The snapshot of another group, with whose state this one begins.\n[origin]\n")
		writeKeys(&b, reflect.ValueOf(d.Origin).Elem(), true)
	}
	b.WriteString("\n# The replicas, in order of their ids from 0.\n")
	for i := range d.Replicas {
		b.WriteString(strings.Repeat("\n", min(i, 1)) + "[[replicas]]\n")
		writeKeys(&b, reflect.ValueOf(&d.Replicas[i]).Elem(), i == 0)
	}
	b.WriteString("\n# The clients that are enrolled from the start; operators add and remove others.\n")
	for i := range d.Clients {
		b.WriteString(strings.Repeat("\n", min(i, 1)) + "[[clients]]\n")
		writeKeys(&b, reflect.ValueOf(&d.Clients[i]).Elem(), i == 0)
	}
	return b.Bytes(), nil
}

func writeKeys(b *bytes.Buffer, v reflect.Value, documented bool) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		doc := field.Tag.Get("doc")
		if doc == "" {
			continue // a table, which has a place of its own
		}
		if documented {
			fmt.Fprintf(b, "\n# %s\n", doc)
		}
		fmt.Fprintf(b, "%s = %s\n", field.Tag.Get("toml"), literal(v.Field(i).Elem()))
	}
}

func literal(v reflect.Value) string {
	if s, ok := v.Interface().(fmt.Stringer); ok {
		return quote(s.String())
	}
	switch v.Kind() {
	case reflect.String:
		return quote(v.String())
	case reflect.Bool:
		return fmt.Sprint(v.Bool())
	default:
		return fmt.Sprint(v.Interface())
	}
}

// quote returns s as a TOML basic string.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
