package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/pflag"

	"github.com/varangian-bft/varangian/cmd/internal/cli"
	"github.com/varangian-bft/varangian/internal/groupfile"
)

const (
	fileVersion  = 1
	fileName     = "replica.toml"
	fileBytesMax = 1 << 20
)

// A value is what one setting is, and who says so.
type value struct {
	text   string
	source string
}

// loaded is a whole configuration: the settings, and for each line of the table
// its value.
type loaded struct {
	settings
	path   string // of the configuration file; empty without one
	first  bool   // an empty data folder is new
	values []value
}

// source says who says what a setting is.
func (c *loaded) source(name string) string {
	for i, s := range table {
		if s.name == name {
			return c.values[i].source
		}
	}
	return "nobody"
}

// addFlags gives a command the flags from which load reads.
func addFlags(f *pflag.FlagSet) {
	f.String("config", "", "the configuration file; without it "+fileName+" of --dir, or of this folder if there is one")
	f.String("dir", "", "the folder of the replica, as init makes it")
	for _, s := range table {
		f.String(flagName(s), s.standard, strings.TrimSuffix(s.doc, "."))
	}
}

// addFolderFlags gives a command the flags from which load reads, and shows only
// those that say which replica is meant: the others change nothing for it.
func addFolderFlags(f *pflag.FlagSet, shown ...string) {
	addFlags(f)
	for _, s := range table {
		f.Lookup(flagName(s)).Hidden = !slices.Contains(shown, s.name)
	}
}

func flagName(s setting) string { return strings.ReplaceAll(s.name, "_", "-") }

// load joins flags, environment, configuration file and defaults, in this order,
// and checks every value where it stands.
func load(f *pflag.FlagSet) (*loaded, error) {
	path, err := configPath(f)
	if err != nil {
		return nil, err
	}
	c := &loaded{path: path}
	var file *file
	if path != "" {
		if file, err = readFile(path); err != nil {
			return nil, err
		}
	}
	for _, s := range table {
		v := value{s.standard, "default"}
		report := func(err error) error { return err }
		flag := f.Lookup(flagName(s))
		text, line := file.lookup(s)
		switch {
		case flag.Changed && cli.FromEnvironment(flag):
			v = value{flag.Value.String(), "environment " + cli.EnvReplica.Name(flag.Name)}
			report = func(err error) error {
				return cli.Usage("environment variable %s %w", cli.EnvReplica.Name(flag.Name), err)
			}
		case flag.Changed:
			v = value{flag.Value.String(), "flag --" + flag.Name}
			report = func(err error) error { return cli.Usage("--%s %w", flag.Name, err) }
		case line > 0:
			v = value{text, fmt.Sprintf("%s:%d", path, line)}
			if s.path && text != "" && !filepath.IsAbs(text) {
				v.text = filepath.Join(filepath.Dir(path), text)
			}
			report = func(err error) error { return file.fault(line, fmt.Sprintf("%s %s", s.name, err)) }
		case s.path && v.text != "":
			v.text = filepath.Join(filepath.Dir(path), v.text)
		}
		if err := s.set(&c.settings, v.text); err != nil {
			return nil, report(err)
		}
		c.values = append(c.values, v)
	}
	return c, nil
}

// configPath returns the path of the configuration file, or "" if there is none
// and none was asked for.
func configPath(f *pflag.FlagSet) (string, error) {
	path, dir := f.Lookup("config").Value.String(), f.Lookup("dir").Value.String()
	switch {
	case path != "" && dir != "":
		return "", cli.Usage("--config and --dir are both given; --dir DIR stands for --config DIR/%s", fileName)
	case path != "":
		return path, nil
	case dir != "":
		return filepath.Join(dir, fileName), nil
	}
	if _, err := os.Stat(fileName); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return fileName, nil
}

// A file is a configuration file that was read; nil is none.
type file struct {
	path   string
	text   []byte
	values map[string]any
}

func readFile(path string) (*file, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; make a group with replica init, or name its file with --config or --dir", err)
	}
	if err != nil {
		return nil, err
	}
	return parseFile(path, text)
}

// parseFile reads the text of a configuration file, down to whether each key is
// known and has a value of its type.
func parseFile(path string, text []byte) (*file, error) {
	if len(text) > fileBytesMax {
		return nil, &groupfile.FormatError{Path: path, Problem: fmt.Sprintf("the file has more than %d bytes", fileBytesMax)}
	}
	f := &file{path: path, text: text}
	if err := toml.Unmarshal(text, &f.values); err != nil {
		return nil, groupfile.Locate(path, err)
	}
	// Before anything else: a later format may well have other keys.
	switch version := f.values["version"]; version {
	case int64(fileVersion):
	case nil:
		return nil, f.fault(0, fmt.Sprintf("the key version is missing; this file starts with version = %d", fileVersion))
	default:
		return nil, f.fault(f.line("version"), fmt.Sprintf(
			"the file has format version %v and this program reads version %d; use a program of its version", version, fileVersion))
	}
	unknown, first := "", 0
	for key := range f.values {
		if line := f.line(key); key != "version" && !known(key) && (unknown == "" || line < first || line == first && key < unknown) {
			unknown, first = key, line
		}
	}
	if unknown != "" {
		return nil, f.fault(first, fmt.Sprintf("the key %s is not known; remove or correct it", unknown))
	}
	for _, s := range table {
		if v, ok := f.values[s.name]; ok {
			if _, fits := plain(v, s.integer); !fits {
				want := "a text in quotes"
				if s.integer {
					want = "a whole number without quotes"
				}
				return nil, f.fault(f.line(s.name), fmt.Sprintf("%s is %v; want %s", s.name, v, want))
			}
		}
	}
	return f, nil
}

func known(key string) bool {
	for _, s := range table {
		if s.name == key {
			return true
		}
	}
	return false
}

// plain returns a value of the TOML decoder as text, if it has the right type.
func plain(v any, integer bool) (string, bool) {
	switch v := v.(type) {
	case int64:
		return fmt.Sprint(v), integer
	case string:
		return v, !integer
	}
	return "", false
}

// lookup returns the value of a setting and its line, which is 0 if the file does
// not say it.
func (f *file) lookup(s setting) (text string, line int) {
	if f == nil {
		return "", 0
	}
	v, ok := f.values[s.name]
	if !ok {
		return "", 0
	}
	text, _ = plain(v, s.integer)
	return text, max(f.line(s.name), 1)
}

// line finds the line of a top-level key or table, from 1; 0 if it is nowhere by
// itself.
func (f *file) line(key string) int {
	at := regexp.MustCompile(`(?m)^[ \t]*\[*[ \t]*["']?` + regexp.QuoteMeta(key) + `["']?[ \t]*[=.\]]`).FindIndex(f.text)
	if at == nil {
		return 0
	}
	return 1 + strings.Count(string(f.text[:at[0]]), "\n")
}

func (f *file) fault(line int, problem string) error {
	return &groupfile.FormatError{Path: f.path, Line: line, Column: min(line, 1), Problem: problem}
}
