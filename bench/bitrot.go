package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/bench/rot"
)

func bitrotCommand() *cobra.Command {
	var rounds int
	var seed uint64
	c := &cobra.Command{
		Use:   "bitrot",
		Short: "Damage files of stopped replicas, and look what the replicas make of it",
		Long: `Start a group of replica processes under a light load. Each round stops one of them,
flips one bit, cuts one file short or deletes one in its data folder, and starts it
again. The round has to end in one of three ways: the replica repaired itself; it
refused to run and named the file (and is replaced); or the damage was to nothing
that counts, as "replica verify" says and as the answers of that replica show.

After each round the whole state is read through every single replica, and compared.`,
		Example: `  go run ./bench bitrot --rounds 100`,
		Args:    cobra.NoArgs,
	}
	c.Flags().IntVar(&rounds, "rounds", 100, "how often, up to 1000")
	c.Flags().Uint64Var(&seed, "seed", 0, "seed of what is damaged; 0 draws one")
	bin := binFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if rounds < 1 || rounds > roundsMax {
			return misuse("--rounds is %d; want 1 to %d", rounds, roundsMax)
		}
		if seed == 0 {
			seed = 1 + rand.Uint64N(1_000_000)
		}
		fmt.Fprintf(c.OutOrStdout(), "seed %d\n", seed)
		return inKeptPlace(c, *bin, fmt.Sprintf("bitrot --rounds %d --seed %d", rounds, seed), func(ctx context.Context, p *place) error {
			return rot.Run(ctx, rot.Config{
				Binaries: p.binaries, Dir: filepath.Join(p.dir, "group"), Rounds: rounds, Seed: seed, Out: c.OutOrStdout(),
			})
		})
	}
	return c
}
