// Command bench shows and measures groups of real replica processes on this
// machine: a demonstration that loses its primary and nothing else, loads with
// their rates, latencies and costs, and faults of all kinds under load.
//
// It works in a temporary folder and leaves nothing behind, but for what a failure
// has to be understood by. Exit statuses: 0 what
// was to be shown was shown; 1 it was not, or the surroundings do not fit; 2 wrong
// usage; 130 interrupted.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/bench/group"
)

const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

var errInterrupted = errors.New("interrupted")

func main() { os.Exit(execute()) }

func execute() int {
	ctx, end := context.WithCancelCause(context.Background())
	defer end(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		end(errInterrupted)
	}()
	ctx, err := group.EndWithParent(ctx)
	if err == nil {
		err = newRoot().ExecuteContext(ctx)
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "Error:", strings.ReplaceAll(err.Error(), "\n", " "))
	switch {
	case !failedByItself(err):
		return exitInterrupted
	case errors.As(err, new(*usageError)):
		return exitUsage
	}
	return exitFailed
}

// failedByItself says whether an error is one that nobody outside asked for.
func failedByItself(err error) bool {
	return err != nil && !errors.Is(err, errInterrupted) && !errors.Is(err, group.ErrParentGone)
}

// A usageError says that the command was called wrongly.
type usageError struct{ error }

func misuse(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "bench",
		Short: "Show and measure groups of real replica processes on this machine",
		Example: `  go run ./bench demo
  go run ./bench run --preset S1
  go run ./bench run --clients 10 --inflight 100 --duration 10s --json result.json
  go run ./bench chaos --duration 3m
  go run ./bench bitrot --rounds 100
  go run ./bench disk
  go run ./bench sim --duration 1m`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return misuse("%w; see %s --help", err, c.CommandPath()) })
	root.AddCommand(demoCommand(), runCommand(), chaosCommand(), bitrotCommand(), recoveryCommand(), soakCommand(), diskCommand(), simCommand())
	return root
}

// A place is where a command works: a folder with the programs in it.
type place struct {
	binaries group.Binaries
	dir      string
	close    func() error
	keep     func() (string, error) // instead of close
}

// binFlag is the flag that all commands share.
func binFlag(c *cobra.Command) *string {
	return c.Flags().String("bin", "", "a folder with the programs replica and client; without it they are built")
}

// newPlace makes a temporary folder, and builds the programs there unless they are
// in bin.
func newPlace(ctx context.Context, bin string) (*place, error) {
	w, err := group.NewWorkspace("")
	if err != nil {
		return nil, err
	}
	p := &place{dir: w.Dir, close: w.Close, keep: w.Keep}
	if bin != "" {
		p.binaries, err = group.BinariesIn(bin)
	} else {
		p.binaries, err = group.Build(ctx, w.Dir)
	}
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return p, nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// whole runs work and then close, and returns the first error of both: a demand
// that nothing is left behind is part of what was to be shown.
func whole(closing func() error, work func() error) error {
	err := work()
	if closed := closing(); err == nil {
		err = closed
	}
	return err
}

// A narrator writes numbered steps for a person to follow.
type narrator struct {
	out  io.Writer
	step int
}

func (n *narrator) begin(format string, args ...any) {
	n.step++
	fmt.Fprintf(n.out, "%2d. %s\n", n.step, fmt.Sprintf(format, args...))
}

func (n *narrator) say(format string, args ...any) {
	fmt.Fprintf(n.out, "    %s\n", fmt.Sprintf(format, args...))
}
