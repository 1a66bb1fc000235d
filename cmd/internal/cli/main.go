package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/varangian-bft/varangian/internal/groupfile"
)

// The exit statuses that all commands share; others are a command's own.
const (
	ExitOK          = 0
	ExitSurrounding = 1   // the surroundings do not fit: a file is missing, an address taken
	ExitUsage       = 2   // wrong flags or arguments, or a file that is wrong in itself
	ExitInterrupted = 130 // by a signal, before the work was done
)

// An Environment is what the names of a program's environment variables begin
// with. Each program has its own: a key exported for the client must not become
// that of a replica which is started in the same terminal.
type Environment string

// The programs' environments.
const (
	EnvReplica Environment = "VARANGIAN_"
	EnvClient  Environment = "VARANGIAN_CLIENT_"
)

// A Problem is an error with the exit status that it ends the process with.
type Problem struct {
	Status int
	Err    error
}

// Error is the text of the error.
func (p *Problem) Error() string { return p.Err.Error() }

// Unwrap returns the error.
func (p *Problem) Unwrap() error { return p.Err }

// Usage returns an error in how a command was called.
func Usage(format string, args ...any) error {
	return &Problem{ExitUsage, fmt.Errorf(format, args...)}
}

// Family makes a command of its subcommands: alone it prints its help.
func Family(c *cobra.Command, subcommands ...*cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return Usage("unknown command %q for %q; see %s --help", args[0], c.CommandPath(), c.CommandPath())
		}
		return c.Help()
	}
	c.AddCommand(subcommands...)
	return c
}

// Main runs a command with the arguments of the process until it ends or a
// signal asks it to: then its context is done, and a second signal kills it. It
// returns the exit status. status turns a command's own errors into theirs, and
// returns 0 for others; it may be nil.
func Main(root *cobra.Command, env Environment, status func(error) int) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return run(ctx, root, env, status, os.Stderr)
}

func run(ctx context.Context, root *cobra.Command, env Environment, status func(error) int, stderr io.Writer) int {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return Usage("%w; see %s --help", err, c.CommandPath())
	})
	root.InitDefaultCompletionCmd() // cobra adds it too late to be refused what it does not know
	refuseUnknown(root)
	began := false
	former := root.PersistentPreRunE
	root.PersistentPreRunE = func(c *cobra.Command, args []string) error {
		if err := bind(c.Flags(), env); err != nil {
			return err
		}
		for _, name := range unknown(root, env, os.Environ()) {
			fmt.Fprintf(stderr, "Warning: environment variable %s is of no flag of %s, and has no effect; correct its name or unset it\n", name, root.Name())
		}
		began = true
		if former != nil {
			return former(c, args)
		}
		return nil
	}
	c, err := root.ExecuteContextC(ctx)
	if err == nil {
		return ExitOK
	}
	if !began && !errors.As(err, new(*Problem)) {
		err = Usage("%w; usage: %s; see %s --help", err, c.UseLine(), c.CommandPath())
	}
	fmt.Fprintln(stderr, "Error:", line(err))
	return exitStatus(ctx, err, status)
}

// refuseUnknown makes commands that only hold others refuse what is none of them.
// Without arguments they show their help.
func refuseUnknown(c *cobra.Command) {
	for _, below := range c.Commands() {
		refuseUnknown(below)
	}
	if c.Runnable() || !c.HasSubCommands() {
		return
	}
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		return Usage("unknown command %q for %q; see %s --help", args[0], c.CommandPath(), c.CommandPath())
	}
}

func exitStatus(ctx context.Context, err error, status func(error) int) int {
	var p *Problem
	if errors.As(err, &p) {
		return p.Status
	}
	if ctx.Err() != nil {
		return ExitInterrupted
	}
	if status != nil {
		if n := status(err); n != 0 {
			return n
		}
	}
	if errors.As(err, new(*groupfile.FormatError)) {
		return ExitUsage
	}
	return ExitSurrounding
}

// line returns the text of an error as one line.
func line(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), " ")
}

// fromEnvironment marks a flag whose value is that of its environment variable.
const fromEnvironment = "varangian_from_environment"

// FromEnvironment says whether a flag has its value from the environment rather
// than from the command line.
func FromEnvironment(f *pflag.Flag) bool {
	_, ok := f.Annotations[fromEnvironment]
	return ok
}

// Name returns the environment variable of a flag.
func (e Environment) Name(flag string) string {
	return string(e) + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Without returns an environment without the variables of some flags.
func (e Environment) Without(variables []string, flags ...string) []string {
	return slices.DeleteFunc(slices.Clone(variables), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.ContainsFunc(flags, func(flag string) bool { return e.Name(flag) == name })
	})
}

// unknown returns the environment variables that look like those of a program, and
// are of none of its flags: a setting with a typing error would otherwise be taken
// for made.
func unknown(root *cobra.Command, env Environment, variables []string) (names []string) {
	known := map[string]bool{}
	var learn func(*cobra.Command)
	learn = func(c *cobra.Command) {
		for _, flags := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
			flags.VisitAll(func(f *pflag.Flag) { known[env.Name(f.Name)] = true })
		}
		for _, below := range c.Commands() {
			learn(below)
		}
	}
	learn(root)
	for _, v := range variables {
		name, _, _ := strings.Cut(v, "=")
		other := env != EnvClient && strings.HasPrefix(name, string(EnvClient)) // the client's begin as the replica's do
		if strings.HasPrefix(name, string(env)) && !other && !known[name] {
			names = append(names, name)
		}
	}
	return names
}

// bind gives flags that were not set the values of their environment variables.
func bind(flags *pflag.FlagSet, env Environment) (err error) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Name == "help" || err != nil {
			return
		}
		if value, ok := os.LookupEnv(env.Name(f.Name)); ok {
			if bad := flags.Set(f.Name, value); bad != nil {
				err = Usage("environment variable %s: %w", env.Name(f.Name), bad)
				return
			}
			err = flags.SetAnnotation(f.Name, fromEnvironment, nil)
		}
	})
	return err
}
