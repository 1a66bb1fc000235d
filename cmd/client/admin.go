package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/cmd/internal/cli"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/statemachine"
)

func (s *settings) adminCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "admin",
		Short: "Enrol and remove clients, with an operator's key",
		Long: `Change or show the table of clients. Each change is an ordered operation: it is in
force on all replicas from one sequence number on. The key must be an operator's.`,
	}
	return cli.Family(c, s.addCommand(), s.removeCommand(), s.listCommand())
}

func (s *settings) addCommand() *cobra.Command {
	var operator bool
	c := &cobra.Command{
		Use:   "add NAME SIGNING-KEY TRANSPORT-KEY",
		Short: "Enrol a client",
		Long: `Enrol a client under its two public keys, which its key file shows. Replicas let it
connect at once.`,
		Example: "  client admin add bob ed25519:5f…  ed25519:9c… --key operator.key",
		Args:    cobra.ExactArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			e := consensus.Enrolment{Name: args[0], Operator: operator}
			if len(e.Name) == 0 || len(e.Name) > 64 {
				return cli.Usage("NAME has %d bytes; it may have 1 to 64", len(e.Name))
			}
			for i, key := range []*crypto.PublicKey{(*crypto.PublicKey)(&e.Client), &e.Transport} {
				if err := key.UnmarshalText([]byte(args[i+1])); err != nil {
					return cli.Usage("%s: %w", []string{"SIGNING-KEY", "TRANSPORT-KEY"}[i], err)
				}
				if err := crypto.Ed25519.CheckKey(*key); err != nil {
					return cli.Usage("%s: %w", []string{"SIGNING-KEY", "TRANSPORT-KEY"}[i], err)
				}
			}
			return s.within(c, func(ctx context.Context, cl *client.Client) error {
				r, err := cl.Admin(ctx, statemachine.EnrolOperation(e))
				if err != nil {
					return err
				}
				return s.print(c, fields{{"name", e.Name}, {"sequence", r.Sequence}}, "enrolled %s, sequence %d\n", printable([]byte(e.Name)), r.Sequence)
			})
		},
	}
	c.Flags().BoolVar(&operator, "operator", false, "it may enrol and remove clients itself")
	return c
}

func (s *settings) removeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME|SIGNING-KEY",
		Short: "Remove a client and its sessions",
		Long:  "Remove a client. Replicas cut its connections; the last operator stays.",
		Example: `  client admin remove bob --key operator.key
  client admin remove ed25519:5f… --key operator.key`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return s.within(c, func(ctx context.Context, cl *client.Client) error {
				id, err := find(ctx, cl, args[0])
				if err != nil {
					return err
				}
				r, err := cl.Admin(ctx, statemachine.RemoveOperation(id))
				if err != nil {
					return err
				}
				return s.print(c, fields{{"key", crypto.PublicKey(id)}, {"sequence", r.Sequence}}, "removed %s, sequence %d\n", crypto.PublicKey(id), r.Sequence)
			})
		},
	}
}

// find returns the client with a key, or with a name in the table.
func find(ctx context.Context, cl *client.Client, who string) (consensus.ClientID, error) {
	var key crypto.PublicKey
	if key.UnmarshalText([]byte(who)) == nil {
		return consensus.ClientID(key), nil
	}
	all, err := clients(ctx, cl)
	if err != nil {
		return consensus.ClientID{}, err
	}
	for _, e := range all {
		if e.Name == who {
			return e.Client, nil
		}
	}
	return consensus.ClientID{}, &cli.Problem{Status: exitRefused, Err: fmt.Errorf("no client %q is enrolled; see client admin list", who)}
}

// clients reads the table of clients, page by page.
func clients(ctx context.Context, cl *client.Client) ([]consensus.Enrolment, error) {
	var all []consensus.Enrolment
	var after consensus.ClientID
	for {
		r, err := cl.Admin(ctx, statemachine.ListOperation(after), client.ReadOnly())
		if err != nil {
			return nil, err
		}
		page, more, ok := statemachine.DecodeClients(r.Value)
		if !ok {
			return nil, errors.New("the replicas answered with something else than a table of clients; compare versions")
		}
		all = append(all, page...)
		if !more {
			return all, nil
		}
		after = page[len(page)-1].Client
	}
}

func (s *settings) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "Show the clients that are enrolled",
		Example: "  client admin list --key operator.key",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return s.within(c, func(ctx context.Context, cl *client.Client) error {
				all, err := clients(ctx, cl)
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
				if !s.json {
					fmt.Fprintln(w, "NAME\tOPERATOR\tSIGNING KEY\tTRANSPORT KEY")
				}
				for _, e := range all {
					if s.json {
						err = s.print(c, fields{
							{"name", e.Name}, {"operator", e.Operator}, {"key", crypto.PublicKey(e.Client)}, {"transport", e.Transport},
						}, "")
					} else {
						_, err = fmt.Fprintf(w, "%s\t%v\t%s\t%s\n", printable([]byte(e.Name)), e.Operator, crypto.PublicKey(e.Client), e.Transport)
					}
					if err != nil {
						return err
					}
				}
				return w.Flush()
			})
		},
	}
}
