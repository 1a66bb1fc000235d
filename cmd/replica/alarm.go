package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/replica"
)

func alarmCommand() *cobra.Command {
	var asJSON, clear bool
	c := &cobra.Command{
		Use:   "alarm",
		Short: "Show or clear the alarm of a replica that found its state damaged",
		Long: `Show the alarm that a replica raises when what it has stored is not what it wrote, or
when its state differs from the one that a quorum certified. It repairs itself from
the others; the alarm stays until it is cleared, since a disk that rots once will rot
again: look at the disk first. The replica may run meanwhile.

Exit status 0: there is none, or it was cleared. 3: there is one.`,
		Example: `  replica alarm --dir group/replica-0
  replica alarm --dir group/replica-0 --clear`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := load(c.Flags())
			if err != nil {
				return err
			}
			if _, err := os.ReadDir(cfg.dataDir); err != nil {
				return fmt.Errorf("data folder: %w", err) // no folder is no proof that there is no alarm
			}
			if clear {
				if err := replica.ClearAlarm(cfg.dataDir); err != nil {
					return ended(err)
				}
			}
			a := replica.ReadAlarm(cfg.dataDir)
			if asJSON {
				if err := json.NewEncoder(c.OutOrStdout()).Encode(a); err != nil {
					return err
				}
			} else if a == nil {
				fmt.Fprintln(c.OutOrStdout(), "no alarm")
			}
			if a != nil {
				return ended(&replica.Error{Code: replica.ExitDisk, Cause: fmt.Errorf("alarm: %s", a)})
			}
			return nil
		},
	}
	addFolderFlags(c.Flags(), "data_dir")
	c.Flags().BoolVar(&clear, "clear", false, "clear it, if the state is repaired")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
