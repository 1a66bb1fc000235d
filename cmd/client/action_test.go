package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"":                       nil,
		" \t\r":                  nil,
		"# put a b":              nil,
		"put a b":                {"put", "a", "b"},
		" put\ta   b\r":          {"put", "a", "b"},
		`put "two words" "\x00"`: {"put", "two words", "\x00"},
		`put "" #`:               {"put", "", "#"},
		`put a"b c`:              {"put", `a"b`, "c"},
	} {
		got, err := split(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", line, got, err, want)
		}
	}
	for _, line := range []string{`put "a`, `put "\q"`, `put "a"b`} {
		if got, err := split(line); err == nil {
			t.Errorf("%q: %q", line, got)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for line, want := range map[string]string{
		"put a":    "put takes 2 to 2 words, not 1",
		"get":      "get takes 1 to 1 words, not 0",
		"cas a b":  "cas takes 3 to 3 words, not 2",
		"incr a b": `DELTA is "b"`,
		"PUT a b":  `"PUT" is no operation`,
		`put "`:    "does not end",
	} {
		if _, err := parse(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", line, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`put "two words" "\x00"`)
	f.Add("incr a -1")
	f.Fuzz(func(t *testing.T, line string) {
		a, err := parse(line)
		if err == nil && a.op != nil && a.show == nil {
			t.Error("an operation whose result nobody shows")
		}
	})
}

// JSON keeps the order of fields and every byte.
func TestJSON(t *testing.T) {
	b, err := json.Marshal(fields{{"b", text("é\n")}, {"a", text{0xff}}, {"c", nil}})
	if err != nil || string(b) != `{"b":"é\n","a":{"base64":"/w=="},"c":null}` {
		t.Errorf("%s, %v", b, err)
	}
	if b, err := json.Marshal(fields{}); err != nil || string(b) != "{}" {
		t.Errorf("%s, %v", b, err)
	}
}

// Nothing that others wrote moves the cursor.
func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain é": "plain é", "a\x1b[2J": `a\x1b[2J`, "\xff": `\xff`, "a\tb": `a\tb`, `"quoted"`: `"quoted"`,
	} {
		if got := printable([]byte(in)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
