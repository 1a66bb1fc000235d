package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// An action is the operation of one line of a batch.
type action struct {
	op   []byte // nil for a line without one
	show func(r client.Result, asJSON bool) (string, error)
}

// parse reads one line of a batch.
func parse(line string) (action, error) {
	words, err := split(line)
	if err != nil || len(words) == 0 {
		return action{}, err
	}
	name, args := words[0], make([][]byte, len(words)-1)
	for i := range args {
		args[i] = []byte(words[i+1])
	}
	f, ok := forms[name]
	switch {
	case !ok:
		return action{}, fmt.Errorf("%q is no operation; want put, get, delete, cas or incr", name)
	case len(args) < f.least || len(args) > f.most:
		return action{}, fmt.Errorf("%s takes %d to %d words, not %d", name, f.least, f.most, len(args))
	}
	return f.action(args)
}

// A form is how the lines of an operation look behind its name.
type form struct {
	least, most int // words
	action      func(args [][]byte) (action, error)
}

var forms = map[string]form{
	"put": {2, 2, func(args [][]byte) (action, error) {
		return action{kv.Put(args[0], args[1]), shown(func([]byte) (any, error) { return "ok", nil })}, nil
	}},
	"get": {1, 1, func(args [][]byte) (action, error) {
		return action{kv.Get(args[0]), shown(showValue)}, nil
	}},
	"delete": {1, 1, func(args [][]byte) (action, error) {
		return action{kv.Delete(args[0]), shown(func(b []byte) (any, error) { return kv.DecodeDelete(b) })}, nil
	}},
	"cas": {3, 3, func(args [][]byte) (action, error) {
		return action{kv.CompareAndSet(args[0], kv.Some(args[1]), kv.Some(args[2])), shown(showComparison)}, nil
	}},
	"incr": {1, 2, func(args [][]byte) (action, error) {
		delta := int64(1)
		if len(args) == 2 {
			var err error
			if delta, err = strconv.ParseInt(string(args[1]), 10, 64); err != nil {
				return action{}, fmt.Errorf("DELTA is %q; want a whole number of 64 bits", args[1])
			}
		}
		return action{kv.Increment(args[0], delta), shown(func(b []byte) (any, error) { return kv.DecodeIncrement(b) })}, nil
	}},
}

// split returns the words of a line. A word in double quotes is a Go string.
func split(line string) (words []string, err error) {
	const blank = " \t\r"
	for line = strings.TrimLeft(line, blank); line != ""; line = strings.TrimLeft(line, blank) {
		if line[0] == '#' && words == nil {
			return nil, nil
		}
		if line[0] != '"' {
			end := strings.IndexAny(line, blank)
			if end < 0 {
				end = len(line)
			}
			words, line = append(words, line[:end]), line[end:]
			continue
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return nil, errors.New("a word in double quotes does not end, or holds an escape that Go does not know")
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		words, line = append(words, word), line[len(quoted):]
		if line != "" && !strings.ContainsRune(blank, rune(line[0])) {
			return nil, errors.New("a blank has to follow a word in double quotes")
		}
	}
	return words, nil
}

func showValue(b []byte) (any, error) {
	v, err := kv.DecodeGet(b)
	if err != nil || !v.Present {
		return nil, err
	}
	return text(v.Bytes), nil
}

func showComparison(b []byte) (any, error) {
	was, err := kv.DecodeCompare(b)
	return was.Set, err
}

// shown makes a line of what a decoder returns; nil is a missing value.
func shown(decode func([]byte) (any, error)) func(client.Result, bool) (string, error) {
	return func(r client.Result, asJSON bool) (string, error) {
		v, err := decode(r.Value)
		if err != nil {
			return "", err
		}
		if asJSON {
			b, err := json.Marshal(fields{{"result", v}, {"sequence", r.Sequence}})
			return string(b), err
		}
		switch v := v.(type) {
		case nil:
			return "", nil
		case text:
			return printable(v), nil
		}
		return fmt.Sprint(v), nil
	}
}

func failure(st *step, asJSON bool) string {
	if asJSON {
		if b, err := json.Marshal(fields{{"error", st.err.Error()}, {"line", st.line}}); err == nil {
			return string(b)
		}
	}
	return "error: " + printable([]byte(st.err.Error()))
}
