package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/bench/recovery"
)

const recoveryKeysMax = 10_000_000

func recoveryCommand() *cobra.Command {
	var keys int
	c := &cobra.Command{
		Use:   "recovery",
		Short: "Measure how a replica with a large state comes back",
		Long: `Fill a group of replica processes with entries of 128 bytes, and measure how one of
them comes back: after SIGTERM and SIGKILL, after an absence in which 5 % of the
entries changed, with an empty disk while the group is idle, and with an empty disk
under load. Each time it has to prove that it votes: another backup is paused, and a
write has to go through.`,
		Example: `  go run ./bench recovery
  go run ./bench recovery --keys 50000`,
		Args: cobra.NoArgs,
	}
	c.Flags().IntVar(&keys, "keys", 1_000_000, "entries of the state")
	bin := binFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if keys < 10_000 || keys > recoveryKeysMax {
			return misuse("--keys is %d; want 10000 to %d", keys, recoveryKeysMax)
		}
		return inKeptPlace(c, *bin, fmt.Sprintf("recovery --keys %d", keys), func(ctx context.Context, p *place) error {
			return recovery.Run(ctx, recovery.Config{
				Binaries: p.binaries, Dir: filepath.Join(p.dir, "group"), Keys: keys, Out: c.OutOrStdout(),
			})
		})
	}
	return c
}
