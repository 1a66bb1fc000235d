package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/cmd/internal/cli"
	"github.com/varangian-bft/varangian/replica"
)

func diffCommand() *cobra.Command {
	var asJSON bool
	var keys int
	c := &cobra.Command{
		Use:   "diff DIR-A DIR-B",
		Short: "Say where the states of two replicas part",
		Long: `Compare the states of two replicas of a group at the newest checkpoint that both keep:
the partitions and keys that differ, and the first window of sequence numbers whose
writes differ. Each folder is that of a replica, as init makes it, or its data folder;
its replica may run or be stopped. Nothing is changed.

Exit status 0: the states are equal there. 4: they differ. 1: they cannot be compared.
3: one cannot be read; replica verify says why.`,
		Example: `  replica diff group/replica-0 group/replica-1
  replica diff --group group.toml /var/lib/a/data /var/lib/b/data --json`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := os.Stat(filepath.Join(args[0], fileName)); err == nil && !c.Flags().Changed("dir") && !c.Flags().Changed("config") {
				if err := c.Flags().Set("dir", args[0]); err != nil {
					return err
				}
			}
			cfg, err := load(c.Flags())
			if err != nil {
				return err
			}
			g, err := readGroup(cfg.group)
			if err != nil {
				return missing(err, "name the group file with --group FILE")
			}
			d, err := replica.Diff(c.Context(), g, dataFolder(args[0]), dataFolder(args[1]), keys)
			if err != nil {
				return ended(err)
			}
			if asJSON {
				err = json.NewEncoder(c.OutOrStdout()).Encode(d)
			} else {
				err = printDifference(c.OutOrStdout(), d)
			}
			if err == nil && len(d.Partitions) > 0 {
				err = &cli.Problem{Status: replica.ExitDiverged, Err: fmt.Errorf("the states of %s and %s differ", d.A, d.B)}
			}
			return err
		},
	}
	addFolderFlags(c.Flags(), "group")
	c.Flags().IntVar(&keys, "keys", 100, "how many keys are named at most; the others are counted")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// dataFolder returns the data folder in a replica's folder, or the folder itself.
func dataFolder(dir string) string {
	if info, err := os.Stat(filepath.Join(dir, "data")); err == nil && info.IsDir() {
		return filepath.Join(dir, "data")
	}
	return dir
}

func printDifference(out io.Writer, d *replica.Difference) error {
	if len(d.Partitions) == 0 {
		_, err := fmt.Fprintf(out, "%s and %s are equal at checkpoint %d\n", d.A, d.B, d.At)
		return err
	}
	if d.Window > 0 {
		fmt.Fprintf(out, "%s and %s part in the window that ends with checkpoint %d\n", d.A, d.B, d.Window)
	} else {
		fmt.Fprintf(out, "%s and %s wrote the same since checkpoint %d, or part before it: older windows are not kept\n", d.A, d.B, d.Before)
	}
	fmt.Fprintf(out, "at checkpoint %d partitions differ: %s\n", d.At, strings.Trim(fmt.Sprint(d.Partitions), "[]"))
	for _, k := range d.Keys {
		fmt.Fprintf(out, "key %s: %s in %s, %s in %s\n", k.Key, has(k.A), d.A, has(k.B), d.B)
	}
	var err error
	if d.More > 0 {
		_, err = fmt.Fprintf(out, "and %d more keys\n", d.More)
	}
	return err
}

func has(hash string) string {
	switch strings.Trim(hash, "0") {
	case "":
		if hash == "" {
			return "not there"
		}
		return "damaged"
	}
	return hash
}
