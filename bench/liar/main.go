// Command liar is a real replica inside an adversary of package sim: what its
// correct core says goes through a behaviour that holds its key, and lies. It is
// built by bench for demonstrations and tests, and never installed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/varangian-bft/varangian/crypto/keyfile"
	"github.com/varangian-bft/varangian/replica"
	"github.com/varangian-bft/varangian/sim/adversary"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

func main() {
	err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
	}
	os.Exit(replica.ExitCode(err))
}

// run takes the flags that bench gives to `replica run`, and those of its own.
func run(args []string) error {
	if len(args) > 0 && args[0] == "run" {
		args = args[1:]
	}
	flags := flag.NewFlagSet("liar", flag.ContinueOnError)
	dir := flags.String("dir", "", "a replica's folder, as replica init makes it")
	name := flags.String("adversary", "equivocate", "how it lies: "+strings.Join(adversary.Names(), ", "))
	pipe := flags.Bool("exit-with-stdin", false, "end when standard input closes")
	flags.String("log-format", "text", "as of replica run; not used")
	if err := flags.Parse(args); err != nil || *dir == "" {
		return &replica.Error{Code: replica.ExitUsage, Cause: errors.New("liar: --dir FOLDER is needed")}
	}
	if !slices.Contains(adversary.Names(), *name) {
		return &replica.Error{Code: replica.ExitUsage, Cause: fmt.Errorf("liar: no adversary %q", *name)}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *pipe {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin) // until bench is gone
			stop()
		}()
	}
	keys, err := keyfile.Read(filepath.Join(*dir, "keys"), nil)
	if err != nil {
		return err
	}
	r, err := replica.New(replica.Config{
		GroupFile: filepath.Join(*dir, "..", "group.toml"), Keys: keys, DataDir: filepath.Join(*dir, "data"),
	}, kv.New(), replica.WithSay(mouth(*name)))
	if err != nil {
		return err
	}
	return r.Run(ctx)
}
