package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"
)

const (
	probePackage = "./sim/mutants/probe"
	probeTimeout = 3 * time.Minute
	testTimeout  = 3 * time.Minute
	// memoryMax stops a mutant that fills the memory before it fills the machine's.
	memoryMax = "GOMEMLIMIT=1GiB"
)

// A verdict is what became of a mutant.
type verdict struct {
	mutant
	caught  bool
	by      string // checker, or what went wrong with the mutant itself
	seed    uint64
	detail  string
	took    time.Duration
	invalid bool // stale, or does not compile
	last    bool // by the tests of its package, not by the simulator
}

// A workshop builds and runs mutants in a folder of its own.
type workshop struct {
	ctx     context.Context // ends when somebody interrupts the command
	root    string          // of the module
	folder  string
	rounds  int
	simOnly bool
}

// try puts a mutant to all checkers, the cheapest first, until one catches it.
func (w *workshop) try(m mutant) verdict {
	start := time.Now()
	v := w.judge(m)
	v.mutant, v.took = m, time.Since(start)
	return v
}

func (w *workshop) judge(m mutant) verdict {
	overlay, err := w.overlay(m)
	if err != nil {
		return verdict{invalid: true, by: "stale", detail: err.Error()}
	}
	if m.masked != "" && !w.simOnly {
		return w.test(m, overlay)
	}
	binary := filepath.Join(w.folder, m.name+".probe")
	if out, err := w.build(w.ctx, binary, "-overlay", overlay).CombinedOutput(); err != nil {
		return verdict{invalid: true, by: "does not compile", detail: string(out)}
	}
	defer os.Remove(binary)
	if v := w.probe(binary, m.stalls, fmt.Sprintf("-rounds=%d", w.rounds), "-enemy=^("+m.enemy+")$"); v.caught || v.invalid {
		return v
	}
	if w.simOnly {
		return verdict{by: "nobody"}
	}
	return w.test(m, overlay)
}

// build compiles the probe, without what only debuggers need.
func (w *workshop) build(ctx context.Context, binary string, args ...string) *exec.Cmd {
	args = append([]string{"build", "-ldflags=-s -w", "-o", binary}, args...)
	return w.command(ctx, "go", append(args, probePackage)...)
}

// overlay writes the file that go build is given in place of the one in the tree.
func (w *workshop) overlay(m mutant) (string, error) {
	source, err := m.broken(w.root)
	if err != nil {
		return "", err
	}
	file := filepath.Join(w.folder, m.name+".go")
	if err := os.WriteFile(file, source, 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(w.root, m.file): file}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(w.folder, m.name+".json")
	return name, os.WriteFile(name, list, 0o600)
}

func (w *workshop) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = w.root
	c.Env = append(os.Environ(), memoryMax)
	c.WaitDelay = 5 * time.Second
	return c
}

// A finding is what the probe prints.
type finding struct {
	Caught   bool
	Schedule string
	Seed     uint64
	Message  string
}

// probe runs the schedules of the simulator.
func (w *workshop) probe(binary string, stalls bool, args ...string) verdict {
	ctx, cancel := context.WithTimeout(w.ctx, probeTimeout)
	defer cancel()
	c := w.command(ctx, binary, args...)
	var out, trouble bytes.Buffer
	c.Stdout, c.Stderr = &out, &trouble
	err := c.Run()
	var f finding
	switch {
	case w.ctx.Err() != nil:
		return verdict{invalid: true, by: "interrupted"}
	case ctx.Err() != nil:
		return verdict{caught: stalls, invalid: !stalls, by: "hang", detail: fmt.Sprintf("no answer within %v", probeTimeout)}
	case json.Unmarshal(out.Bytes(), &f) == nil:
		return verdict{caught: f.Caught, by: f.Schedule, seed: f.Seed, detail: f.Message}
	case err == nil:
		err = errors.New("the probe said nothing")
	}
	return verdict{caught: true, by: "runtime", detail: firstLine(trouble.String(), err)}
}

// test runs the tests of the package that the mutant is in.
func (w *workshop) test(m mutant, overlay string) verdict {
	ctx, cancel := context.WithTimeout(w.ctx, testTimeout)
	defer cancel()
	out, err := w.command(ctx, "go", "test", "-overlay", overlay, "-count=1", "-short", "-run="+m.tests,
		"-timeout="+testTimeout.String(), "./"+path.Dir(m.file)).CombinedOutput()
	switch {
	case w.ctx.Err() != nil:
		return verdict{invalid: true, by: "interrupted"}
	case ctx.Err() != nil:
		return verdict{caught: m.stalls, invalid: !m.stalls, by: "hang", detail: fmt.Sprintf("its tests take longer than %v", testTimeout)}
	case err == nil:
		return verdict{by: "nobody"}
	case strings.Contains(string(out), "[build failed]"):
		return verdict{invalid: true, by: "does not compile", detail: string(out)}
	}
	detail := firstLine(string(out), err)
	for line := range strings.Lines(string(out)) {
		if t := strings.TrimSpace(line); strings.HasPrefix(t, "--- FAIL") || strings.HasPrefix(t, "panic:") {
			detail = t
			break
		}
	}
	return verdict{caught: true, last: true, by: "tests of " + path.Dir(m.file), detail: detail}
}

func firstLine(s string, otherwise error) string {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return otherwise.Error()
}
