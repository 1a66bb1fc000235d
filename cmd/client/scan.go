package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/cmd/internal/cli"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// scanPage is how many entries one operation of a scan asks for.
const scanPage = 1000

func (s *settings) scanCommand() *cobra.Command {
	var limit int
	var start, end string
	c := &cobra.Command{
		Use:   "scan [PREFIX]",
		Short: "Print keys with their values, in order",
		Long: `Print the keys that begin with PREFIX, or all from --start up to before --end, each
with a tab and its value on a line. Bytes that do not print are escaped; --json
prints one object a line, exactly. Each page is of one state; a scan of several
pages may see changes between them.`,
		Example: `  client scan user/
  client scan --start a --end c --limit 10 --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 && (c.Flags().Changed("start") || c.Flags().Changed("end")) {
				return cli.Usage("give PREFIX, or --start and --end")
			}
			if limit < 1 {
				return cli.Usage("--limit is %d; it must be above 0", limit)
			}
			return s.within(c, func(ctx context.Context, cl *client.Client) error {
				var prefix []byte
				if len(args) == 1 {
					prefix, start = []byte(args[0]), args[0]
				}
				bound := kv.Value{}
				if end != "" {
					bound = kv.Some([]byte(end))
				}
				return s.scan(ctx, c, cl, []byte(start), bound, prefix, limit)
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", 1<<30, "print at most so many entries")
	c.Flags().Lookup("limit").DefValue = "all"
	c.Flags().StringVar(&start, "start", "", "the first key")
	c.Flags().StringVar(&end, "end", "", "the key to stop before")
	return c
}

func (s *settings) scan(ctx context.Context, c *cobra.Command, cl *client.Client, start []byte, end kv.Value, prefix []byte, limit int) error {
	out := json.NewEncoder(c.OutOrStdout())
	if prefix != nil {
		end = kv.PrefixEnd(prefix)
	}
	for limit > 0 {
		r, err := cl.Query(ctx, kv.Scan(start, end, min(limit, scanPage)))
		if err != nil {
			return err
		}
		page, err := kv.DecodeScan(r.Value)
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			if s.json {
				err = out.Encode(map[string]any{"key": text(e.Key), "value": text(e.Value)})
			} else {
				_, err = fmt.Fprintf(c.OutOrStdout(), "%s\t%s\n", printable(e.Key), printable(e.Value))
			}
			if err != nil {
				return err
			}
		}
		limit -= len(page.Entries)
		if !page.More || len(page.Entries) == 0 {
			return nil
		}
		start = page.After()
	}
	return nil
}
