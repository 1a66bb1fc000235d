package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/cmd/internal/cli"
	"github.com/varangian-bft/varangian/replica"
)

func restoreCommand() *cobra.Command {
	var from string
	var first bool
	c := &cobra.Command{
		Use:   "restore --from FILE",
		Short: "Make a replica's empty data folder from a backup",
		Long: `Make the data folder of a replica from a backup. The folder must be empty, or not
there: a restore never overwrites. The backup is verified before anything is written.

With a backup of its own group the replica comes back without voting: it may have
promised what it does not know any more, so it signs nothing until that cannot matter,
and fetches from the others what the backup lacks.

With the backup that its group file names under [origin] it begins that group. How
to make one after a lost quorum: replica init --help, and docs/operations.md.`,
		Example: "  replica restore --from monday.backup --dir group/replica-2",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if from == "" {
				return cli.Usage("--from is missing; name the backup to restore")
			}
			cfg, err := load(c.Flags())
			if err != nil {
				return err
			}
			cfg.first = first
			rc, err := cfg.replicaConfig(c.Context(), newLogger(c.ErrOrStderr(), cfg.logLevel, cfg.logFormat))
			if err != nil {
				return err
			}
			bar := newBar(c.ErrOrStderr(), "entries")
			b, err := replica.Restore(c.Context(), rc, from, bar.report)
			bar.end()
			if err != nil {
				return ended(err)
			}
			out := c.OutOrStdout()
			switch {
			case b.Group == rc.Group.ID:
				fmt.Fprintf(out, "restored snapshot %d into %s: digest %s\nStart the replica: it fetches what came after %d and votes again when that is safe.\n",
					b.Sequence, cfg.dataDir, b.Digest, b.Sequence)
			case b.Recovers:
				fmt.Fprintf(out, "restored snapshot %d of group %s into %s: digest %s\nThe folder was not said to be new, so the replica may have run before: it votes again when that is safe. If it never ran, remove the folder and restore with --first-start.\n",
					b.Sequence, b.Group.Short(), cfg.dataDir, b.Digest)
			default:
				fmt.Fprintf(out, "restored snapshot %d of group %s into %s: digest %s\nGroup %s begins with it, as sequence number 0. Never run a replica of the old group again.\n",
					b.Sequence, b.Group.Short(), cfg.dataDir, b.Digest, rc.Group.ID.Short())
			}
			return nil
		},
	}
	addFolderFlags(c.Flags(), "group", "key", "passphrase_file", "data_dir")
	c.Flags().StringVar(&from, "from", "", "the backup")
	c.Flags().BoolVar(&first, "first-start", false, "the replica never ran, although nothing in its data folder says so")
	return c
}
