package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/varangian-bft/varangian/cmd/internal/cli"
	"github.com/varangian-bft/varangian/crypto/keyfile"
	"github.com/varangian-bft/varangian/replica"
)

func verifyCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check the data folder of a stopped replica, and name what is damaged",
		Long: `Check everything in the data folder of a stopped replica against its checksums and
against what a quorum of the group certified: VERSION, the log with its mark and its
chain, every stored value, the partitions of the state, and the proofs against other
replicas. The folder is locked meanwhile, and no byte of it changes.

Exit status 0: nothing that counts is damaged. 3: something is; each record is named,
with what to do. 1: the folder is in use, or is not there.`,
		Example: `  replica verify --dir group/replica-0
  replica verify --dir group/replica-0 --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := load(c.Flags())
			if err != nil {
				return err
			}
			g, err := readGroup(cfg.group)
			if err != nil {
				return err
			}
			in := replica.Inspection{Group: g, DataDir: cfg.dataDir}
			// A sealed key file, or none, says nothing about whose folder this should be.
			if keys, err := keyfile.Read(cfg.key, nil); err == nil {
				in.Key = keys.Public().Signing
			}
			in.Progress = progressTo(c.ErrOrStderr(), "reading")
			found, err := replica.Inspect(in)
			if err != nil {
				return ended(err)
			}
			if asJSON {
				err = json.NewEncoder(c.OutOrStdout()).Encode(found)
			} else {
				err = printInspected(c.OutOrStdout(), found)
			}
			if err == nil && found.Damaged() {
				err = &cli.Problem{Status: replica.ExitDisk, Err: fmt.Errorf("%s is damaged", cfg.dataDir)}
			}
			return err
		},
	}
	addFolderFlags(c.Flags(), "group", "data_dir")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// progressTo shows how far something is, to somebody who looks.
func progressTo(out io.Writer, what string) func(done, total int64) {
	if f, ok := out.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	var bar *progressbar.ProgressBar
	return func(done, total int64) {
		if bar == nil {
			bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(out), progressbar.OptionShowBytes(true),
				progressbar.OptionSetDescription(what), progressbar.OptionClearOnFinish())
		}
		_ = bar.Set64(done) // only a picture
	}
}

func printInspected(out io.Writer, r *replica.Inspected) error {
	if r.Replica != "" {
		fmt.Fprintf(out, "replica  %s\n", r.Replica)
		fmt.Fprintf(out, "log      %d records in %d segments\n", r.Records, r.Segments)
		fmt.Fprintf(out, "state    checkpoint %d, %d entries, %s\n", r.Durable, r.Entries, compared(r))
		fmt.Fprintf(out, "proofs   %d\n", r.Evidence)
	}
	if r.Alarm != "" {
		fmt.Fprintf(out, "alarm    %s\n", r.Alarm)
	}
	if r.Recover != "" {
		fmt.Fprintf(out, "recover  it begins without voting: %s\n", r.Recover)
	}
	for i := range r.Faults {
		f := &r.Faults[i]
		fmt.Fprintf(out, "%s: %s", f.Where(), f.What)
		if f.Do != "" {
			fmt.Fprintf(out, "; %s", f.Do)
		}
		fmt.Fprintln(out)
	}
	verdict := "in order"
	switch {
	case r.Damaged():
		verdict = "damaged"
	case len(r.Faults) > 0:
		verdict = "in order; what is named above was not needed"
	}
	if r.Recover != "" && !r.Damaged() {
		verdict += "; started, it recovers without voting first"
	}
	_, err := fmt.Fprintln(out, verdict)
	return err
}

// compared says what the state was compared with.
func compared(r *replica.Inspected) string {
	switch {
	case r.Compared && r.Chained:
		return fmt.Sprintf("equal to what was certified at %d and to the chain since", r.Snapshot)
	case r.Compared:
		return fmt.Sprintf("compared with what was certified at %d", r.Snapshot)
	}
	return "checksums only: no certified snapshot of this state is here yet"
}
