package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// fields are the members of a JSON object, in order.
type fields []struct {
	name  string
	value any
}

// MarshalJSON keeps the order.
func (f fields) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, m := range f {
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.WriteByte("{,"[min(i, 1)])
		fmt.Fprintf(&b, "%q:%s", m.name, value)
	}
	if len(f) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// print writes one JSON object with --json, and else a line.
func (s *settings) print(c *cobra.Command, object fields, format string, args ...any) error {
	if s.json {
		return json.NewEncoder(c.OutOrStdout()).Encode(object)
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), format, args...)
	return err
}

// raw writes a value as it is; a line feed follows only where a person reads.
func raw(w io.Writer, value []byte) error {
	if _, err := w.Write(value); err != nil {
		return err
	}
	if terminal(w) {
		_, err := io.WriteString(w, "\n")
		return err
	}
	return nil
}

func terminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// text is bytes in JSON: a string if they are UTF-8, and else {"base64": "..."}.
type text []byte

// MarshalJSON loses no byte.
func (t text) MarshalJSON() ([]byte, error) {
	if utf8.Valid(t) {
		return json.Marshal(string(t))
	}
	return json.Marshal(map[string][]byte{"base64": t})
}

// printable keeps what others wrote from breaking a line, or a terminal.
func printable(b []byte) string {
	if utf8.Valid(b) && bytes.IndexFunc(b, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return string(b)
	}
	q := strconv.Quote(string(b))
	return q[1 : len(q)-1]
}
