package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/cmd/internal/cli"
	"github.com/varangian-bft/varangian/consensus"
)

// statusTimeout bounds the wait for one replica unless --timeout says otherwise:
// a replica that is down should not hold up the picture of the others.
const statusTimeout = 3 * time.Second

// A report is what one replica says about itself, or why it says nothing.
type report struct {
	name string
	json json.RawMessage
	err  error
	said said
}

// What a replica says of itself, as far as the table shows it.
type said struct {
	View       uint64  `json:"view"`
	Primary    string  `json:"primary"`
	Executed   uint64  `json:"executed"`
	Durable    uint64  `json:"durable_checkpoint"`
	Pool       uint64  `json:"pool_requests"`
	Evidence   uint64  `json:"evidence"`
	Uptime     float64 `json:"uptime_seconds"`
	Recovering string  `json:"recovering"`
	Repair     string  `json:"repair"`
	Alarm      string  `json:"alarm"`
	Waiting    string  `json:"waiting"`
	Transfer   string  `json:"transfer"`
}

// remark says what keeps the replica from its work, the gravest first.
func (s *said) remark() string {
	var list []string
	if s.Repair != "" {
		list = append(list, "own state suspect: "+s.Repair)
	} else if s.Alarm != "" {
		list = append(list, "alarm: "+s.Alarm)
	}
	for _, text := range []string{s.Recovering, s.Waiting, s.Transfer} {
		if text != "" {
			list = append(list, text)
		}
	}
	return strings.Join(list, "; ")
}

func (s *settings) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status [REPLICA...]",
		Short: "Show where the replicas stand, and why nothing moves",
		Long: `Ask replicas, by default all, where they stand. Each line is one replica's own word.
Exit status 3 means that fewer answered, or fewer of them may vote, than are needed
for progress.`,
		Example: `  client status
  client status replica-2 --json`,
		RunE: func(c *cobra.Command, args []string) error {
			if !c.Flags().Changed("timeout") {
				s.timeout = min(s.timeout, statusTimeout)
			}
			return s.within(c, func(ctx context.Context, cl *client.Client) error {
				g := cl.Group()
				ids, err := choose(g, args)
				if err != nil {
					return err
				}
				reports := ask(ctx, cl, ids)
				if s.json {
					err = s.printReports(c, reports)
				} else {
					err = tabulate(c, reports)
				}
				if err != nil {
					return err
				}
				return enough(ctx, g, reports)
			})
		},
	}
}

func choose(g *consensus.Group, names []string) (ids []consensus.ReplicaID, err error) {
	var known []string
	byName := map[string]consensus.ReplicaID{}
	for i, m := range g.Genesis.Replicas {
		known = append(known, m.Name)
		byName[m.Name] = consensus.ReplicaID(i)
		if len(names) == 0 {
			ids = append(ids, consensus.ReplicaID(i))
		}
	}
	for _, name := range names {
		id, ok := byName[name]
		if !ok {
			return nil, cli.Usage("the group has no replica %q; it has %s", name, strings.Join(known, ", "))
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func ask(ctx context.Context, cl *client.Client, ids []consensus.ReplicaID) []report {
	reports := make([]report, len(ids))
	var tasks sync.WaitGroup
	for i, id := range ids {
		tasks.Go(func() {
			m, _ := cl.Group().Member(id)
			reports[i].name = m.Name
			r := &reports[i]
			if r.json, r.err = cl.Status(ctx, id); r.err == nil {
				r.err = json.Unmarshal(r.json, &r.said)
			}
		})
	}
	tasks.Wait()
	return reports
}

// enough fails if too few replicas of all that were asked answered, or if too few are
// left that may vote: that can be for good, and no line of one replica says it.
func enough(ctx context.Context, g *consensus.Group, reports []report) error {
	answered, mute := 0, 0
	for i := range reports {
		if reports[i].err == nil {
			answered++
		}
		if reports[i].said.Recovering != "" {
			mute++
		}
	}
	need := g.Quorum
	if len(reports) < g.N {
		need = len(reports)
	}
	var err error
	switch {
	case answered < need:
		err = fmt.Errorf("%d of %d replicas answered, %d needed", answered, len(reports), need)
	case g.N-mute-(len(reports)-answered) < g.Quorum:
		err = fmt.Errorf("only %d of %d replicas answer and may vote, %d needed: start those that are missing; "+
			"those that recover may not vote, and if that stays, the quorum is lost: see docs/operations.md", answered-mute, len(reports), g.Quorum)
	default:
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	return &cli.Problem{Status: exitNoAnswer, Err: err}
}

func (s *settings) printReports(c *cobra.Command, reports []report) error {
	out := json.NewEncoder(c.OutOrStdout())
	for _, r := range reports {
		object := fields{{"name", r.name}, {"status", r.json}}
		if r.err != nil {
			object = fields{{"name", r.name}, {"error", r.err.Error()}}
		}
		if err := out.Encode(object); err != nil {
			return err
		}
	}
	return nil
}

func tabulate(c *cobra.Command, reports []report) error {
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "REPLICA\tVIEW\tPRIMARY\tEXECUTED\tDURABLE\tPOOL\tEVIDENCE\tUPTIME\tREMARK")
	for _, r := range reports {
		if r.err != nil {
			fmt.Fprintf(w, "%s\t-\t-\t-\t-\t-\t-\t-\t%s\n", printable([]byte(r.name)), printable([]byte(r.err.Error())))
			continue
		}
		v := &r.said
		uptime := (time.Duration(v.Uptime) * time.Second).String()
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%d\t%d\t%d\t%s\t%s\n", printable([]byte(r.name)), v.View, printable([]byte(v.Primary)),
			v.Executed, v.Durable, v.Pool, v.Evidence, uptime, printable([]byte(v.remark())))
	}
	return w.Flush()
}
