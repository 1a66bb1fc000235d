package group

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stopTimeout is how long a replica may take to stop: it drains for 5 s at most.
const stopTimeout = 15 * time.Second

// A Replica is one replica, whose process may run or not.
type Replica struct {
	Name string
	Dir  string // as `replica run --dir` wants it

	// Wrap is a program that the next Start runs with its arguments before those of
	// the replica, such as strace; it ends as the replica does.
	Wrap []string

	// Harmed says that somebody damaged the data folder, and it was not wiped since:
	// an alarm of the replica is no surprise then.
	Harmed bool

	log    string
	from   int64 // in log, where the last start began
	binary string
	flags  []string

	process *exec.Cmd
	pipe    io.Closer     // its standard input: the replica ends with it
	ended   chan struct{} // closed once the process has been waited for
	stopped bool          // by us
	err     error         // of Wait; read after ended is closed
}

// Start starts the process. It does not wait until the replica serves.
func (r *Replica) Start() error {
	if r.Running() {
		return fmt.Errorf("%s runs already", r.Name)
	}
	log, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // the process has its own
	if info, err := log.Stat(); err == nil {
		r.from = info.Size()
	}
	args := append([]string{"run", "--dir", r.Dir, "--exit-with-stdin", "--log-format", "text"}, r.flags...)
	line := append(append([]string(nil), r.Wrap...), append([]string{r.binary}, args...)...)
	c := exec.Command(line[0], line[1:]...)
	c.Stdout, c.Stderr, c.Env = log, log, environment()
	// A signal from the terminal is for us alone: we end the replicas in order.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := c.StdinPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	r.process, r.pipe, r.ended, r.stopped, r.err = c, pipe, make(chan struct{}), false, nil
	go func(ended chan struct{}) {
		r.err = c.Wait()
		close(ended)
	}(r.ended)
	return nil
}

// Become makes the next Start run another program, with no flags but those that
// every replica gets.
func (r *Replica) Become(binary string) { r.binary, r.flags = binary, nil }

// Program returns the program that Start runs.
func (r *Replica) Program() string { return r.binary }

// Forgive lets the process end by itself without that being a failure.
func (r *Replica) Forgive() { r.stopped = true }

// Ended waits until the process has ended by itself, and returns its exit status
// and the last line that it said.
func (r *Replica) Ended(ctx context.Context) (status int, line string, err error) {
	r.Forgive()
	select {
	case <-r.ended:
		r.pipe.Close()
		return r.process.ProcessState.ExitCode(), strings.TrimSpace(tail(r.log, 1)), nil
	case <-ctx.Done():
		return 0, "", context.Cause(ctx)
	}
}

// LastLine returns the last line that the replica said.
func (r *Replica) LastLine() string { return strings.TrimSpace(tail(r.log, 1)) }

// Running says whether the process has been started and not ended.
func (r *Replica) Running() bool {
	if r.process == nil {
		return false
	}
	select {
	case <-r.ended:
		return false
	default:
		return true
	}
}

// PID returns the id of the process, running or not; 0 before the first start.
func (r *Replica) PID() int {
	if r.process == nil {
		return 0
	}
	return r.process.Process.Pid
}

// Kill ends the process with SIGKILL, as a crash would, and waits for its end.
func (r *Replica) Kill() error { return r.end(syscall.SIGKILL) }

// Stop ends the process with SIGTERM, and waits until it has drained.
func (r *Replica) Stop() error { return r.end(syscall.SIGTERM) }

// Pause makes the process stand still, and Resume lets it go on.
func (r *Replica) Pause() error { return r.tell(syscall.SIGSTOP) }

// Resume lets the process go on after Pause.
func (r *Replica) Resume() error { return r.tell(syscall.SIGCONT) }

// signal sends a signal that ends the process, if it runs.
func (r *Replica) signal(signal syscall.Signal) error {
	if !r.Running() {
		return nil
	}
	r.stopped = true
	return r.tell(signal)
}

func (r *Replica) tell(signal syscall.Signal) error {
	if err := r.process.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Said returns the lines since the last start that hold one of some words, at most
// those of the last 64 KiB of its log.
func (r *Replica) Said(words ...string) []string {
	info, err := os.Stat(r.log)
	if err != nil {
		return nil
	}
	text := tail(r.log, tailBytesMax)
	text = text[max(0, int64(len(text))-(info.Size()-r.from)):]
	var out []string
	for line := range strings.Lines(text) {
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(line, w) }) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

func (r *Replica) end(signal syscall.Signal) error {
	if !r.Running() {
		return nil
	}
	if err := r.signal(signal); err != nil {
		return err
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-r.ended:
		r.pipe.Close()
		if signal == syscall.SIGTERM && r.err != nil {
			return r.unexpected()
		}
		return nil
	case <-timer.C:
	}
	if signal == syscall.SIGKILL {
		return fmt.Errorf("%s did not end after SIGKILL", r.Name)
	}
	return errors.Join(fmt.Errorf("%s did not stop within %v after SIGTERM", r.Name, stopTimeout), r.Kill())
}

// Check returns an error if the process has ended although nobody ended it.
func (r *Replica) Check() error {
	if r.process == nil || r.Running() || r.stopped {
		return nil
	}
	return r.unexpected()
}

func (r *Replica) unexpected() error {
	return fmt.Errorf("%s ended by itself (%s): %s", r.Name, r.state(), bytes.TrimSpace([]byte(tail(r.log, 1))))
}

func (r *Replica) state() string {
	switch {
	case r.process == nil:
		return "never started"
	case r.Running():
		return "running"
	}
	return r.process.ProcessState.String()
}

func stderr(err error) []byte {
	var e *exec.ExitError
	if errors.As(err, &e) {
		return e.Stderr
	}
	return nil
}

// await calls done at intervals until it returns true, a replica ends by itself,
// or ctx is done. There is nothing to wait on instead: a status is only told to
// who asks.
func (g *Group) await(ctx context.Context, done func() bool) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		for _, r := range g.Replicas {
			if err := r.Check(); err != nil {
				return err
			}
		}
		if done() {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
