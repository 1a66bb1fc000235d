package main

import (
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/varangian-bft/varangian/internal/groupfile"
)

// settings are what one replica runs with, beside what its group agrees on.
type settings struct {
	group, key, passphraseFile, dataDir string // paths

	listen       string // empty: the address in the group file
	timeout      time.Duration
	logLevel     slog.Level
	logFormat    string // auto, text, json
	segmentBytes int64
	scrubKeys    int // each second; -1: none
	transferRate int // MiB each second to one replica
	verifiers    int // 0: one for each processor
}

// A setting is one line of the table of settings, from which the flags, the
// configuration file and its documentation come.
type setting struct {
	name     string // in the file, with underscores; the flag has dashes
	standard string // what it is if nobody says otherwise
	integer  bool   // written without quotes in the file
	path     bool   // relative to the folder of the file that says it
	doc      string
	set      func(*settings, string) error
}

const (
	timeoutMin      = 100 * time.Millisecond // R67: below it, a busy processor would look like a dead primary
	timeoutMax      = time.Hour
	segmentBytesMin = 8 << 20 // above the largest record: a batch of 4 MiB with its certificate
	segmentBytesMax = 1 << 30
	verifiersMax    = 256
	scrubKeysMax    = 1_000_000
	transferRateMax = 64 // the network's bulk lane to one replica has no more
)

var table = []setting{
	{
		name: "group", standard: "group.toml", path: true, doc: "The group file, which is the same for all parties.",
		set: func(s *settings, v string) error { s.group = v; return nonempty(v) },
	},
	{
		name: "key", standard: "keys", path: true, doc: "The key file of this replica.",
		set: func(s *settings, v string) error { s.key = v; return nonempty(v) },
	},
	{
		name: "passphrase_file", standard: "", path: true,
		doc: "A file whose first line unseals the key file. Without one, a sealed key file needs somebody at the terminal.",
		set: func(s *settings, v string) error { s.passphraseFile = v; return nil },
	},
	{
		name: "data_dir", standard: "data", path: true,
		doc: "The folder of log and state. Only one replica ever uses it; a copy of an older state must never be put in its place.",
		set: func(s *settings, v string) error { s.dataDir = v; return nonempty(v) },
	},
	{
		name: "listen", standard: "",
		doc: "Where to listen, for example /ip4/0.0.0.0/tcp/7400. Empty: at the replica's address in the group file.",
		set: func(s *settings, v string) error { s.listen = v; return address(v) },
	},
	{
		name: "timeout", standard: "1s",
		doc: "How long an accepted request may wait before this replica wants another primary; 100ms to 1h. It doubles from view to view.",
		set: func(s *settings, v string) (err error) { s.timeout, err = duration(v); return err },
	},
	{
		name: "log_level", standard: "info", doc: "What is logged: debug, info, warn or error.",
		set: func(s *settings, v string) (err error) { s.logLevel, err = level(v); return err },
	},
	{
		name: "log_format", standard: "auto", doc: "How it is logged: text, json, or auto, which is text on a terminal.",
		set: func(s *settings, v string) error { s.logFormat = v; return oneOf(v, "auto", "text", "json") },
	},
	{
		name: "segment_bytes", standard: "67108864", integer: true,
		doc: "Size of a segment of the log, 8388608 to 1073741824. It is written in full in advance.",
		set: func(s *settings, v string) (err error) {
			s.segmentBytes, err = integer(v, segmentBytesMin, segmentBytesMax)
			return err
		},
	},
	{
		name: "scrub_keys", standard: "2500", integer: true,
		doc: "How many stored keys a second are compared with what the group certified, up to 1000000: 2500 cost 2 % of a processor, and a round over a million keys takes 7 minutes. -1: none, and what rots on the disk is found only when it is read.",
		set: func(s *settings, v string) error {
			n, err := integer(v, -1, scrubKeysMax)
			s.scrubKeys = int(n)
			return err
		},
	},
	{
		name: "transfer_rate", standard: "32", integer: true,
		doc: "MiB a second, 1 to 64, at which this replica gives the state to one that lacks it; to all of them together twice as much.",
		set: func(s *settings, v string) error {
			n, err := integer(v, 1, transferRateMax)
			s.transferRate = int(n)
			return err
		},
	},
	{
		name: "verifiers", standard: "0", integer: true,
		doc: "Goroutines that check signatures, up to 256. 0: one for each processor.",
		set: func(s *settings, v string) error {
			n, err := integer(v, 0, verifiersMax)
			s.verifiers = int(n)
			return err
		},
	},
}

func nonempty(v string) error {
	if v == "" {
		return fmt.Errorf("is empty; it must name a file or folder")
	}
	return nil
}

func address(v string) error {
	if v == "" {
		return nil
	}
	if err := groupfile.CheckAddress(v); err != nil {
		return fmt.Errorf("is %q: %w", v, err)
	}
	return nil
}

func duration(v string) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if err != nil || d < timeoutMin || d > timeoutMax {
		return 0, fmt.Errorf("is %q; want a duration from %v to %v, as 1s or 250ms", v, timeoutMin, timeoutMax)
	}
	return d, nil
}

func level(v string) (slog.Level, error) {
	switch v {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, oneOf(v, "debug", "info", "warn", "error")
}

func oneOf(v string, allowed ...string) error {
	for _, a := range allowed {
		if v == a {
			return nil
		}
	}
	return fmt.Errorf("is %q; want one of %v", v, allowed)
}

func integer(v string, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("is %s; want a whole number from %d to %d", v, least, most)
	}
	return n, nil
}
