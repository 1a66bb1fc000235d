package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/cmd/internal/cli"
	"github.com/varangian-bft/varangian/replica"
)

// waitInterval is how often --wait asks anew.
const waitInterval = time.Second

func backupCommand() *cobra.Command {
	var out, verify string
	var rate int
	var wait, asJSON bool
	c := &cobra.Command{
		Use:   "backup --out FILE",
		Short: "Write or verify a backup of the group's state",
		Long: `Write the state of the group at its newest certified snapshot into a file, from a
replica that runs or from the folder of one that does not. The file holds the
signatures of a quorum over the state, so that anyone who has the group file can
check it offline, wherever it was kept. It is checked as it is written, gets its
name only when it is whole, and never replaces another file.

What the group executed after the snapshot is not in the backup. Snapshots come
every checkpoint_interval x snapshot_interval sequence numbers.`,
		Example: `  replica backup --dir group/replica-0 --out monday.backup
  replica backup --verify monday.backup --group group/group.toml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if (out == "") == (verify == "") {
				return cli.Usage("name the file to write with --out, or the one to check with --verify")
			}
			if rate < 1 || rate > replica.BackupRateMax {
				return cli.Usage("--rate is %d; want 1 to %d MiB per second", rate, replica.BackupRateMax)
			}
			cfg, err := load(c.Flags())
			if err != nil {
				return err
			}
			g, err := readGroup(cfg.group)
			if err != nil {
				return missing(err, "name the group file with --group FILE")
			}
			bar := newBar(c.ErrOrStderr(), "entries")
			var b *replica.Backup
			if verify != "" {
				b, err = replica.VerifyBackup(c.Context(), verify, g, bar.report)
			} else {
				q := replica.BackupRequest{DataDir: cfg.dataDir, Group: g, Out: out, Rate: rate, Report: bar.report}
				b, err = save(c.Context(), q, wait, c.ErrOrStderr())
			}
			bar.end()
			if err != nil {
				return ended(err)
			}
			return printBackup(c.OutOrStdout(), b, verify != "", asJSON)
		},
	}
	addFolderFlags(c.Flags(), "group", "data_dir")
	f := c.Flags()
	f.StringVar(&out, "out", "", "the file to write, where none is yet")
	f.StringVar(&verify, "verify", "", "the file to check instead; no replica is needed")
	f.IntVar(&rate, "rate", replica.BackupRateDefault, "MiB of the state that are read per second at most")
	f.BoolVar(&wait, "wait", false, "wait for the first snapshot, if the group is too young to have one")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// save writes a backup, when there is a snapshot.
func save(ctx context.Context, q replica.BackupRequest, wait bool, out io.Writer) (*replica.Backup, error) {
	tick := time.NewTicker(waitInterval)
	defer tick.Stop()
	for said := false; ; said = true {
		b, err := replica.SaveBackup(ctx, q)
		if !wait || !errors.Is(err, replica.ErrNoSnapshot) {
			return b, err
		}
		if !said {
			fmt.Fprintln(out, "waiting for the first certified snapshot")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func printBackup(out io.Writer, b *replica.Backup, verified, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(b)
	}
	did := "wrote and verified"
	if verified {
		did = "verified"
	}
	by := "the snapshot that the group begins with"
	if len(b.Signers) > 0 {
		by = "signed by " + strings.Join(b.Signers, ", ")
	}
	fmt.Fprintf(out, "%s %s: snapshot %d of group %s, %d entries of %d bytes (%d in the file), %s\ndigest %s\n",
		did, b.File, b.Sequence, b.Group, b.Entries, b.Bytes, b.FileBytes, by, b.Digest)
	if b.Stopped {
		fmt.Fprintf(out, "the replica does not run; its durable checkpoint is %d: %d sequence numbers, and what its log alone holds, are not in the backup\n",
			b.Executed, b.Executed-b.Sequence)
	} else if b.Executed > b.Sequence {
		fmt.Fprintf(out, "the replica had executed %d: the last %d sequence numbers are not in the backup\n", b.Executed, b.Executed-b.Sequence)
	}
	return nil
}

// A bar shows how far a long operation is, on a terminal only.
type bar struct {
	out  io.Writer
	what string
	bar  *progressbar.ProgressBar
	last uint64
}

func newBar(out io.Writer, what string) *bar {
	b := &bar{what: what}
	if isTerminal(out) {
		b.out = out
	}
	return b
}

// report shows that done of all are done. Less than before begins another pass.
func (b *bar) report(done, all uint64) {
	if b.out == nil {
		return
	}
	if b.bar == nil || done < b.last {
		b.bar = progressbar.NewOptions64(int64(all), progressbar.OptionSetWriter(b.out), progressbar.OptionSetDescription(b.what),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
	}
	b.last = done
	_ = b.bar.Set64(int64(done)) // it is decoration
}

func (b *bar) end() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
