package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/replica"
)

func statusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Say where a running replica stands, and why nothing moves",
		Long: `Ask the replica that runs on a data folder where it stands. It answers on a socket
in that folder, which only its owner can open.`,
		Example: "  replica status --dir group/replica-0",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := load(c.Flags())
			if err != nil {
				return err
			}
			text, err := replica.ReadStatus(c.Context(), cfg.dataDir)
			if err != nil {
				return err
			}
			if asJSON {
				_, err := fmt.Fprintf(c.OutOrStdout(), "%s\n", text)
				return err
			}
			var s replica.Status
			if err := json.Unmarshal(text, &s); err != nil {
				return fmt.Errorf("the replica's answer is not a status of this version: %w", err)
			}
			return printStatus(c.OutOrStdout(), &s)
		},
	}
	addFolderFlags(c.Flags(), "data_dir")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func printStatus(out io.Writer, s *replica.Status) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("replica", "%s (%d) of group %q, up %v", s.Name, s.Replica, s.Group, time.Duration(s.Uptime*float64(time.Second)).Round(time.Second))
	if s.Room != "" {
		line("waiting", "for room, and for nothing else: %s", s.Room)
		return w.Flush()
	}
	if s.ChangingTo > 0 {
		line("view", "%d, changing to %d", s.View, s.ChangingTo)
	} else {
		line("view", "%d, primary %s", s.View, s.Primary)
	}
	line("executed", "%d of %d ordered", s.Executed, s.Ordered)
	line("history", "%s", s.History)
	line("water marks", "%d to %d", s.Low, s.High)
	line("durable", "checkpoint %d, snapshot %d", s.Durable, s.Snapshot)
	line("pool", "%d requests, %d bytes", s.Pool, s.PoolBytes)
	line("connected", "%s", list(s.Connected))
	if s.Repair != "" {
		line("faulty", "own state suspect: %s", s.Repair)
	}
	if s.Alarm != "" {
		line("alarm", "%s; clear it with replica alarm --clear", s.Alarm)
	}
	line("scrub", "%s", scrubbed(s.Scrub))
	if s.Evidence > 0 {
		line("evidence", "%d proofs that a replica lied", s.Evidence)
	}
	if s.Recovering != "" {
		line("mute", "%s", s.Recovering)
	}
	if s.Transfer != "" {
		line("transfer", "%s", s.Transfer)
	}
	line("waiting", "%s", strings.TrimPrefix(reason(s), "waiting "))
	return w.Flush()
}

// reason says why nothing moves, if nothing does.
func reason(s *replica.Status) string {
	switch {
	case s.Waiting != "":
		return s.Waiting
	case s.Transfer != "":
		return "state transfer"
	case s.Pool > 0:
		return fmt.Sprintf("%d requests are to be ordered", s.Pool)
	}
	return "for requests; nothing is held up"
}

func list(names []string) string {
	if len(names) == 0 {
		return "no other replica"
	}
	return strings.Join(names, ", ")
}

// missing adds what to do to an error, if it is that a file does not exist.
func missing(err error, advice string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; %s", err, advice)
	}
	return err
}

// scrubbed says how far the stored state was compared with what was certified.
func scrubbed(s replica.Scrubbed) string {
	if s.Waiting {
		return fmt.Sprintf("%d rounds; waits for the next certified snapshot", s.Rounds)
	}
	return fmt.Sprintf("%d rounds, key %d of %d", s.Rounds, s.Keys, s.Of)
}
