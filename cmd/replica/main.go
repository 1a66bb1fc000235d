// Command replica makes groups and runs their replicas, with the built-in
// key-value service.
//
// Exit statuses: 0 done; 1 the surroundings do not fit; 2 wrong usage, or a file
// that is wrong in itself; 3 the disk failed, or damage that nobody can heal; 4 the
// state diverged, or more replicas lied than the group tolerates; 130 interrupted. A
// supervisor must not start a replica again after 3 and 4. For want of room on the
// disk a replica does not end, but waits.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/cmd/internal/cli"
)

func main() { os.Exit(cli.Main(newRoot(), cli.EnvReplica, nil)) }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "replica",
		Short: "Make groups of replicas and run them",
		Long: `Make a group of replicas, and run one of them with the built-in key-value service.
A group of 3f+1 replicas keeps giving right answers although f of them lie.

Each flag may be given as an environment variable: --data-dir as VARANGIAN_DATA_DIR.
A flag goes first, then the environment, the configuration file, and the default.

Exit status: 0 done; 1 the surroundings do not fit; 2 wrong usage, or a file that is
wrong in itself; 3 the disk failed, or damage that nobody can heal; 4 the state
diverged, or more replicas lied than the group tolerates; 130 interrupted. Do not
start a replica again by itself after 3 and 4.`,
		Example: `  replica dev
  replica init --replicas 4 --dir group
  replica run --dir group/replica-0
  replica status --dir group/replica-0`,
		Args: cobra.NoArgs,
	}
	root.AddCommand(initCommand(), devCommand(), runCommand(), statusCommand(), backupCommand(), restoreCommand(), evidenceCommand(), verifyCommand(), diffCommand(), alarmCommand(), configCommand(), keygenCommand(), versionCommand())
	return root
}

func versionCommand() *cobra.Command {
	var asJSON bool
	c := cli.VersionCommand("replica", &asJSON)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
