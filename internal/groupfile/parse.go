package groupfile

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Parse reads the text of a group file. The path only serves errors, each of
// which is a *FormatError.
func Parse(path string, text []byte) (*File, error) {
	if len(text) > fileBytesMax {
		return nil, &FormatError{Path: path, Problem: fmt.Sprintf("the file has more than %d bytes", fileBytesMax)}
	}
	// Before anything else: a later format may well have other keys.
	var head struct {
		Version *int64 `toml:"version"`
	}
	if err := toml.Unmarshal(text, &head); err != nil {
		return nil, Locate(path, err)
	}
	if head.Version == nil {
		return nil, &FormatError{Path: path, Problem: fmt.Sprintf("the key version is missing; a group file starts with version = %d", Version)}
	}
	if *head.Version != Version {
		return nil, &FormatError{Path: path, Problem: fmt.Sprintf(
			"the file has format version %d and this program reads version %d; use a program of its version", *head.Version, Version)}
	}
	var d document
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&d); err != nil {
		return nil, Locate(path, err)
	}
	if err := d.complete(); err != nil {
		return nil, &FormatError{Path: path, Problem: err.Error()}
	}
	f := d.file(path)
	if err := f.check(); err != nil {
		return nil, err
	}
	return f, nil
}

// Locate turns an error of the TOML decoder into a *FormatError: one line, with its
// place in the file at path. Other files of ours in TOML use it too.
func Locate(path string, err error) error {
	var missing *toml.StrictMissingError
	if errors.As(err, &missing) && len(missing.Errors) > 0 {
		e := &missing.Errors[0]
		line, column := e.Position()
		return &FormatError{Path: path, Line: line, Column: column, Problem: fmt.Sprintf(
			"the key %s is not known; remove or correct it", strings.Join(e.Key(), "."))}
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		line, column := decode.Position()
		problem := plain(strings.TrimPrefix(decode.Error(), "toml: "))
		if key := strings.Join(decode.Key(), "."); key != "" {
			problem = key + ": " + problem
		}
		return &FormatError{Path: path, Line: line, Column: column, Problem: strings.ReplaceAll(problem, "\n", " ")}
	}
	return &FormatError{Path: path, Problem: strings.ReplaceAll(err.Error(), "\n", " ")}
}

// plain says a mismatch of types in the words of the file, not of this program.
func plain(problem string) string {
	rest, ok := strings.CutPrefix(problem, "cannot decode ")
	have, want, found := strings.Cut(rest, " into struct field ")
	if !ok || !found {
		return problem
	}
	switch _, kind, _ := strings.Cut(want, " of type "); kind {
	case "int64", "uint64":
		want = "an integer"
	case "bool":
		want = "true or false"
	case "string", "crypto.PublicKey", "crypto.Digest":
		want = "a string"
	default:
		want = "a table"
	}
	return fmt.Sprintf("here is a %s; want %s", have, want)
}

// complete reports the first key that is absent: each belongs to the group id
// and so has no default.
func (d *document) complete() error {
	if err := present("", reflect.ValueOf(d).Elem()); err != nil {
		return err
	}
	if err := present("[parameters] ", reflect.ValueOf(d.Parameters).Elem()); err != nil {
		return err
	}
	if d.Origin != nil {
		if err := present("[origin] ", reflect.ValueOf(d.Origin).Elem()); err != nil {
			return err
		}
		if *d.Origin.Epoch == 0 || *d.Origin.Sequence == 0 {
			return errors.New("the table [origin] names no snapshot: epoch and sequence start at 1; take the file from whoever made the group")
		}
	}
	for i := range d.Replicas {
		if err := present(fmt.Sprintf("[[replicas]] number %d ", i), reflect.ValueOf(&d.Replicas[i]).Elem()); err != nil {
			return err
		}
	}
	for i := range d.Clients {
		if err := present(fmt.Sprintf("[[clients]] number %d ", i), reflect.ValueOf(&d.Clients[i]).Elem()); err != nil {
			return err
		}
	}
	return nil
}

func present(where string, v reflect.Value) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Type.Kind() != reflect.Pointer || !v.Field(i).IsNil() {
			continue
		}
		key := field.Tag.Get("toml")
		if key == "origin" {
			continue // its absence says that the group begins empty
		}
		if field.Type.Elem().Kind() == reflect.Struct {
			return fmt.Errorf("the table [%s] is missing; take the file from whoever made the group", key)
		}
		return fmt.Errorf("%slacks the key %s, which has no default since it is part of the group id; take the file from whoever made the group",
			map[bool]string{true: "the file ", false: where}[where == ""], key)
	}
	return nil
}
