package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/replica"
)

func evidenceCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "evidence",
		Short: "Print and verify the proofs that other replicas lied",
		Long: `Print the proofs that a replica has kept: pairs of statements with one replica's
signature that exclude each other. Each is verified here and now, with the group
file alone; the replica need not run. Who stands accused is faulty or has lost its
key: replace it.`,
		Example: "  replica evidence --dir group/replica-0",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := load(c.Flags())
			if err != nil {
				return err
			}
			g, err := readGroup(cfg.group)
			if err != nil {
				return err
			}
			if _, err := os.ReadDir(cfg.dataDir); err != nil {
				return fmt.Errorf("data folder: %w; name the folder of a replica with --dir", err) // no folder is no proof that nobody lied
			}
			proofs, err := replica.ReadEvidence(cfg.dataDir, g)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(proofs)
			}
			return printEvidence(c.OutOrStdout(), proofs, func(id int) string { return g.Genesis.Replicas[id].Name })
		},
	}
	addFolderFlags(c.Flags(), "group", "data_dir")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func printEvidence(out io.Writer, proofs []replica.Proof, name func(int) string) error {
	if len(proofs) == 0 {
		_, err := fmt.Fprintln(out, "no evidence")
		return err
	}
	bad := 0
	for _, p := range proofs {
		if p.Err != nil {
			bad++
			fmt.Fprintf(out, "%s: proves nothing: %v\n", p.File, p.Err)
			continue
		}
		c := p.Charge
		fmt.Fprintf(out, "%s signed two %ss for view %d, sequence %d: batch %s and batch %s: verified\n",
			name(int(c.Against)), c.Kind, c.View, c.Sequence, c.Batches[0].Short(), c.Batches[1].Short())
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d files prove nothing", bad, len(proofs))
	}
	return nil
}
