package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/cmd/internal/cli"
	"github.com/varangian-bft/varangian/consensus"
)

// devStopTimeout is how long replicas may take to stop: they drain for 5 s at most.
const devStopTimeout = 10 * time.Second

func devCommand() *cobra.Command {
	l := layout{name: "dev", clients: 1}
	var level string
	c := &cobra.Command{
		Use:   "dev",
		Short: "Make a group, run all its replicas here, and say how to use it",
		Long: `Make a group in a temporary folder and run each of its replicas as a process, until
Ctrl-C: then the folder is removed. With --dir the group is made in that folder and
kept, or found there and run again.`,
		Example: "  replica dev\n  replica dev --dir group",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			l.faults = consensus.QuorumsOf(l.replicas).F
			closing, err := l.settle()
			if err != nil {
				return err
			}
			d := &dev{dir: l.dir, level: level, out: c.OutOrStdout(), colour: isTerminal(c.OutOrStdout())}
			return errors.Join(d.run(c.Context(), again()), closing())
		},
	}
	f := c.Flags()
	f.StringVar(&l.dir, "dir", "", "keep the group in this folder; without it, in a temporary one that is removed")
	f.IntVar(&l.replicas, "replicas", 4, "how many replicas, if the group is made now")
	f.StringVar(&l.addressBase, "address-base", "/ip4/127.0.0.1/tcp/7400", "address of replica 0")
	f.StringVar(&l.ports, "ports", portsAuto, "step: 10 apart from that of --address-base on; auto: free ones")
	f.StringVar(&level, "log-level", "info", "what is logged: debug, info, warn or error")
	return c
}

// again is closed by the second signal that asks this process to end. Unlike that
// of other commands it only hurries what is under way: the folder has to go.
func again() <-chan struct{} {
	signals, out := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		<-signals
		close(out)
	}()
	return out
}

// settle makes the group, unless there is one in the folder. The function that it
// returns removes what is temporary.
func (l *layout) settle() (closing func() error, err error) {
	if l.dir != "" {
		if _, err := os.Stat(filepath.Join(l.dir, "group.toml")); err == nil {
			return func() error { return nil }, nil
		}
		_, err := l.make()
		return func() error { return nil }, err
	}
	parent, err := os.MkdirTemp("", "varangian-dev-")
	if err != nil {
		return nil, err
	}
	closing = func() error { return os.RemoveAll(parent) }
	l.dir = filepath.Join(parent, "group")
	if _, err := l.make(); err != nil {
		return nil, errors.Join(err, closing())
	}
	return closing, nil
}

// A dev is a group of replica processes that end with this one.
type dev struct {
	dir    string
	level  string
	colour bool

	mu  sync.Mutex
	out io.Writer // under mu, line by line
}

// A child is one replica process.
type child struct {
	name    string
	process *exec.Cmd
	ended   chan struct{} // closed with err set
	err     error
}

func (d *dev) run(ctx context.Context, hurry <-chan struct{}) error {
	g, err := readGroup(filepath.Join(d.dir, "group.toml"))
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	var children []*child
	ended := make(chan *child, g.N)
	for i := range g.N {
		c, err := d.start(program, i)
		if err != nil {
			return errors.Join(err, stopAll(children, hurry))
		}
		children = append(children, c)
		go func() {
			<-c.ended
			ended <- c
		}()
	}
	d.print("", fmt.Sprintf("==> %d replicas start in %s, of which %d may be faulty. Their logs follow; Ctrl-C ends them.", g.N, d.dir, g.F))
	d.print("", "==> In another terminal:")
	d.print("", "    "+clientLine(d.dir)+" put colour green")
	for running := len(children); running > 0; {
		select {
		case c := <-ended:
			// One replica fewer is what the group is for.
			running--
			d.print("", fmt.Sprintf("==> %s ended: %v. Start it again in another terminal:", c.name, c.process.ProcessState))
			d.print("", "    "+"replica run --dir "+filepath.Join(d.dir, c.name))
		case <-ctx.Done():
			return stopAll(children, hurry)
		}
	}
	return &cli.Problem{Status: cli.ExitSurrounding, Err: errors.New("all replicas ended; their last lines say why")}
}

// start starts replica i, with what is set for a single replica left out of its
// environment: all of them would take it for theirs. It ends when its standard input closes, whatever ends
// this process.
func (d *dev) start(program string, i int) (*child, error) {
	name := fmt.Sprintf("replica-%d", i)
	c := exec.Command(program, "run", "--dir", filepath.Join(d.dir, name), "--exit-with-stdin", "--log-format", "text", "--log-level", d.level)
	c.Env = cli.EnvReplica.Without(os.Environ(), "group", "key", "data-dir", "listen", "config", "dir")
	// A Ctrl-C at the terminal is for this process alone, which passes it on.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if _, err := c.StdinPipe(); err != nil {
		return nil, err
	}
	lines := &lineWriter{write: func(line string) { d.print(d.prefix(i), line) }}
	c.Stdout, c.Stderr = lines, lines
	if err := c.Start(); err != nil {
		return nil, err
	}
	out := &child{name: name, process: c, ended: make(chan struct{})}
	go func() {
		out.err = c.Wait()
		close(out.ended)
	}()
	return out, nil
}

// stopAll lets all replicas drain, and ends those that take too long, or all when
// there is a hurry.
func stopAll(children []*child, hurry <-chan struct{}) error {
	for _, c := range children {
		_ = c.process.Process.Signal(syscall.SIGTERM) // may have ended
	}
	ctx, cancel := context.WithTimeout(context.Background(), devStopTimeout)
	defer cancel()
	var all []error
	for _, c := range children {
		select {
		case <-c.ended:
			continue
		case <-hurry:
		case <-ctx.Done():
			all = append(all, fmt.Errorf("%s did not stop within %v and was killed", c.name, devStopTimeout))
		}
		_ = c.process.Process.Kill() // may have ended
		<-c.ended
	}
	return errors.Join(all...)
}

func (d *dev) prefix(i int) string {
	if !d.colour {
		return fmt.Sprintf("r%d ", i)
	}
	return fmt.Sprintf("\x1b[3%dmr%d\x1b[0m ", 1+i%6, i)
}

func (d *dev) print(prefix, line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(d.out, "%s%s\n", prefix, line)
}

// lineBytesMax bounds what is kept of a line without an end.
const lineBytesMax = 64 << 10

// A lineWriter passes on whole lines. The process that writes to it is its only
// user.
type lineWriter struct {
	write func(string)
	rest  []byte
}

// Write never fails.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, found := strings.Cut(string(w.rest), "\n")
		if !found && len(w.rest) < lineBytesMax {
			return len(p), nil
		}
		w.write(line)
		w.rest = []byte(rest)
	}
}
