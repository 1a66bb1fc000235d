package main

import (
	"errors"
	"testing"

	"github.com/varangian-bft/varangian/internal/groupfile"
)

// FuzzParseFile: whatever stands in a configuration file, it is read, or refused
// with the place of the fault; and what was read gives each setting a value that is
// taken or refused, without a panic.
func FuzzParseFile(f *testing.F) {
	for _, text := range []string{
		"", "version = 1\n", "version = 2\n", "version = 1\ntimeout = \"2s\"\nverifiers = 4\n",
		"version = 1\ntimeout = 2\n", "version = 1\n[log]\nlevel = \"debug\"\n", "version = 1\nversion = 1\n", "version",
		"version = 1\nsegment_bytes = 99999999999999999999\n", "version = 1\nlisten = \"/ip4/127.0.0.1/tcp/0\"\nlog_level = \"loud\"\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parseFile("replica.toml", text)
		if err != nil {
			if fault := new(groupfile.FormatError); !errors.As(err, &fault) || fault.Path != "replica.toml" {
				t.Errorf("refused without a place: %v", err)
			}
			return
		}
		var s settings
		for _, x := range table {
			if value, line := got.lookup(x); line > 0 {
				_ = x.set(&s, value)
			}
		}
	})
}
