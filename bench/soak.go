package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/bench/soak"
)

func soakCommand() *cobra.Command {
	var duration time.Duration
	var keys int
	c := &cobra.Command{
		Use:   "soak",
		Short: "Put a full load on for minutes, and look whether memory and disk stay bounded",
		Long: `Start four replica processes, write 1000 operations at a time on a fixed number of
keys, and sample memory, files and open descriptors of each replica. The table has the
medians of each minute, of the replica that has most; the run fails if something
still grows over its second half.`,
		Example: `  go run ./bench soak --duration 10m`,
		Args:    cobra.NoArgs,
	}
	c.Flags().DurationVar(&duration, "duration", 10*time.Minute, "for how long, 30s to 2h")
	c.Flags().IntVar(&keys, "keys", 100_000, "how many keys are written again and again")
	bin := binFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if duration < 30*time.Second || duration > 2*time.Hour {
			return misuse("--duration is %v; want 30s to 2h", duration)
		}
		if keys < 1 || keys > recoveryKeysMax {
			return misuse("--keys is %d; want 1 to %d", keys, recoveryKeysMax)
		}
		return inKeptPlace(c, *bin, fmt.Sprintf("soak --duration %v --keys %d", duration, keys), func(ctx context.Context, p *place) error {
			return soak.Run(ctx, soak.Config{
				Binaries: p.binaries, Dir: filepath.Join(p.dir, "group"), Duration: duration, Keys: keys, Out: c.OutOrStdout(),
			})
		})
	}
	return c
}
