package group

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"

	"github.com/varangian-bft/varangian/bench/links"
	"github.com/varangian-bft/varangian/crypto/keyfile"
	"github.com/varangian-bft/varangian/internal/groupfile"
)

// A Layout says which group to make.
type Layout struct {
	Replicas int
	Clients  int
	Dir      string   // where; it must not exist
	Flags    []string // more flags for each replica

	Parameters map[string]int64 // of the group file, where they are not the defaults
	Linked     bool             // replicas reach each other through Group.Links
}

// A Group is a group of replica processes.
type Group struct {
	Dir      string
	Replicas []*Replica
	Links    *links.Mesh // among the replicas; nil unless the layout asks for it

	binaries Binaries
}

// New lays a group out with `replica init`, at free ports of the loopback
// interface. No replica runs yet.
func New(ctx context.Context, b Binaries, l Layout) (*Group, error) {
	faults := (l.Replicas - 1) / 3
	c := command(ctx, b.Replica, "init", "--dir", l.Dir, "--ports", "auto", "--name", "bench",
		"--replicas", strconv.Itoa(l.Replicas), "--clients", strconv.Itoa(l.Clients), "--faults", strconv.Itoa(faults))
	if out, err := c.CombinedOutput(); err != nil {
		return nil, failed(ctx, "replica init", err, out)
	}
	g := &Group{Dir: l.Dir, binaries: b}
	if err := setParameters(g.File(), l.Parameters); err != nil {
		return nil, err
	}
	for i := range l.Replicas {
		name := fmt.Sprintf("replica-%d", i)
		g.Replicas = append(g.Replicas, &Replica{
			Name: name, Dir: filepath.Join(l.Dir, name), log: filepath.Join(l.Dir, name+".log"), binary: b.Replica, flags: l.Flags,
		})
	}
	if l.Linked {
		if err := g.link(); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// setParameters changes parameters in a group file, before any replica has run.
func setParameters(path string, values map[string]int64) error {
	if len(values) == 0 {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for name, value := range values {
		line := regexp.MustCompile("(?m)^" + regexp.QuoteMeta(name) + " = [0-9]+$")
		if !line.Match(text) {
			return fmt.Errorf("%s has no parameter %q", path, name)
		}
		text = line.ReplaceAll(text, fmt.Appendf(nil, "%s = %d", name, value))
	}
	return os.WriteFile(path, text, 0o644)
}

// File returns the path of the group file.
func (g *Group) File() string { return filepath.Join(g.Dir, "group.toml") }

// KeyFile returns the path of the key file of client i.
func (g *Group) KeyFile(i int) string {
	return filepath.Join(g.Dir, fmt.Sprintf("client-%d", i), "keys")
}

// Keys returns the keys of client i.
func (g *Group) Keys(i int) (keyfile.Keys, error) { return keyfile.Read(g.KeyFile(i), nil) }

// Name returns the name of the group.
func (g *Group) Name() (string, error) {
	f, err := groupfile.Read(g.File())
	if err != nil {
		return "", err
	}
	return f.Name, nil
}

// Start starts all replicas, and returns when each is connected to all others.
func (g *Group) Start(ctx context.Context) error {
	for _, r := range g.Replicas {
		if err := r.Start(); err != nil {
			return err
		}
	}
	return g.AwaitAll(ctx, func(all []Status) bool {
		for _, s := range all {
			if len(s.Connected) != len(all)-1 {
				return false
			}
		}
		return true
	})
}

// Client runs the client program as client 0, and returns what it printed.
func (g *Group) Client(ctx context.Context, args ...string) (string, error) {
	c := command(ctx, g.binaries.Client, append([]string{"--group", g.File(), "--key", g.KeyFile(0)}, args...)...)
	c.Dir = g.Dir
	out, err := c.Output()
	if err != nil {
		return "", failed(ctx, "client "+args[0], err, stderr(err))
	}
	return string(out), nil
}

// Replica runs the replica program, and returns what it printed.
func (g *Group) Replica(ctx context.Context, args ...string) (string, error) {
	c := command(ctx, g.binaries.Replica, args...)
	c.Dir = g.Dir
	out, err := c.Output()
	if err != nil {
		return "", failed(ctx, "replica "+args[0], err, stderr(err))
	}
	return string(out), nil
}

// Kill ends all replicas with SIGKILL, at once.
func (g *Group) Kill() error {
	var all []error
	for _, r := range g.Replicas {
		all = append(all, r.signal(syscall.SIGKILL))
	}
	for _, r := range g.Replicas {
		all = append(all, r.Kill())
	}
	return errors.Join(all...)
}

// Close ends all replicas and links.
func (g *Group) Close() error {
	err := g.Kill()
	if g.Links != nil {
		err = errors.Join(err, g.Links.Close())
	}
	return err
}

// Logs returns the last lines that each replica logged, for a person to read.
func (g *Group) Logs(lines int) string {
	out := ""
	for _, r := range g.Replicas {
		out += fmt.Sprintf("--- %s (%s)\n%s", r.Name, r.state(), tail(r.log, lines))
	}
	return out
}

const tailBytesMax = 64 << 10

// tail returns the last lines of a file, as far as it can be read.
func tail(path string, lines int) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error() + "\n"
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err.Error() + "\n"
	}
	at := max(info.Size()-tailBytesMax, 0)
	text := make([]byte, info.Size()-at)
	n, _ := f.ReadAt(text, at) // what cannot be read is not shown
	text = text[:n]
	from := len(text)
	for lines++; from > 0; from-- {
		if text[from-1] == '\n' {
			if lines--; lines == 0 {
				break
			}
		}
	}
	return string(text[from:])
}
