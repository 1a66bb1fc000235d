package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/groupfile"
)

func configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check the configuration, or print each value with its source",
		Args:  cobra.NoArgs,
	}
	check := &cobra.Command{
		Use:   "check",
		Short: "Check configuration and group file, without starting anything",
		Long: `Check the configuration file, flags and environment, and the group file that they
name. The key file is not opened, so that no passphrase is needed.`,
		Example: "  replica config check --dir group/replica-0",
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
			_, err = fmt.Fprintf(c.OutOrStdout(), "ok: group %q of %d replicas, id %s\n", g.Genesis.Name, g.N, g.ID)
			return err
		},
	}
	var asJSON bool
	show := &cobra.Command{
		Use:     "print",
		Short:   "Print each value and where it comes from",
		Example: "  VARANGIAN_LOG_LEVEL=debug replica config print --dir group/replica-0",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := load(c.Flags())
			if err != nil {
				return err
			}
			return cfg.print(c, asJSON)
		},
	}
	addFlags(check.Flags())
	addFlags(show.Flags())
	show.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.AddCommand(check, show)
	return c
}

func (c *loaded) print(cmd *cobra.Command, asJSON bool) error {
	if asJSON {
		type line struct {
			Value  string `json:"value"`
			Source string `json:"source"`
		}
		out := map[string]line{}
		for i, s := range table {
			out[s.name] = line{c.values[i].text, c.values[i].source}
		}
		e := json.NewEncoder(cmd.OutOrStdout())
		e.SetIndent("", "  ")
		return e.Encode(out)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for i, s := range table {
		fmt.Fprintf(w, "%s = %s\t# %s\n", s.name, literal(s, c.values[i].text), c.values[i].source)
	}
	return w.Flush()
}

// readGroup reads a group file as far as the group itself.
func readGroup(path string) (*consensus.Group, error) {
	f, err := groupfile.Read(path)
	if err != nil {
		return nil, err
	}
	return f.Group(crypto.Ed25519)
}
