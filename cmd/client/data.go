package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/cmd/internal/cli"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

// valueBytesMax bounds a value read from standard input; the group's own limit is
// lower.
const valueBytesMax = 4 << 20

// invoke has one operation executed, keeps its receipt if one is asked for, and
// shows the result.
func (s *settings) invoke(c *cobra.Command, op []byte, show func(client.Result) error, opts ...client.InvokeOption) error {
	return s.within(c, func(ctx context.Context, cl *client.Client) error {
		if s.receipt != "" {
			return s.receipted(ctx, cl, op, show, opts)
		}
		r, err := cl.Invoke(ctx, op, opts...)
		if err != nil {
			return err
		}
		return show(r)
	})
}

// receipted has one operation executed and keeps its receipt. The file is made
// before: the group gives out a receipt once, and nobody else has it.
func (s *settings) receipted(ctx context.Context, cl *client.Client, op []byte, show func(client.Result) error, opts []client.InvokeOption) (err error) {
	file, err := os.OpenFile(s.receipt, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is there already, and a receipt is never written over another file: choose a new name; nothing was sent", s.receipt)
	case err != nil:
		return fmt.Errorf("receipt: %w; nothing was sent", err)
	}
	stored := false
	defer func() {
		file.Close()
		if !stored {
			os.Remove(s.receipt)
		}
	}()
	r, err := cl.Invoke(ctx, op, append(opts, client.WithReceipt())...)
	if err != nil {
		return err
	}
	receipt, err := r.Receipt()
	if err != nil {
		return err
	}
	if _, err = file.Write(client.MarshalReceipt(receipt)); err == nil {
		err = file.Sync()
	}
	if err != nil {
		return fmt.Errorf("the operation was executed, but its receipt was not stored: %w", err)
	}
	stored = true
	return show(r)
}

// operation makes a command that sends one operation.
func (s *settings) operation(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&s.receipt, "receipt", "", "store a receipt in this new file, that proves the result to others")
	return c
}

func (s *settings) putCommand() *cobra.Command {
	return s.operation(&cobra.Command{
		Use:   "put KEY VALUE",
		Short: "Set a key",
		Long:  "Set a key to a value. The value - is read from standard input, to its end.",
		Example: `  client put colour green
  client put photo - < photo.jpg`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			value, err := argument(c, args[1])
			if err != nil {
				return err
			}
			return s.invoke(c, kv.Put([]byte(args[0]), value), func(r client.Result) error {
				return s.print(c, fields{{"sequence", r.Sequence}}, "ok, sequence %d\n", r.Sequence)
			})
		},
	})
}

func argument(c *cobra.Command, value string) ([]byte, error) {
	if value != "-" {
		return []byte(value), nil
	}
	b, err := cli.Await(c.Context(), func() ([]byte, error) { return io.ReadAll(io.LimitReader(c.InOrStdin(), valueBytesMax+1)) })
	if err == nil && len(b) > valueBytesMax {
		err = fmt.Errorf("the value on standard input has more than %d bytes, which no group takes; split it", valueBytesMax)
	}
	return b, err
}

func (s *settings) getCommand() *cobra.Command {
	return s.operation(&cobra.Command{
		Use:   "get KEY",
		Short: "Print the value of a key",
		Long: `Print the value of a key, byte for byte; on a terminal a line feed follows.
Without a value the exit status is 4.`,
		Example: "  client get colour",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return s.invoke(c, kv.Get([]byte(args[0])), func(r client.Result) error {
				v, err := kv.DecodeGet(r.Value)
				switch {
				case err != nil:
					return err
				case s.json:
					return s.print(c, fields{{"found", v.Present}, {"value", text(v.Bytes)}, {"sequence", r.Sequence}}, "")
				case !v.Present:
					return &cli.Problem{Status: exitRefused, Err: fmt.Errorf("there is no value under %q", args[0])}
				}
				return raw(c.OutOrStdout(), v.Bytes)
			}, client.ReadOnly())
		},
	})
}

func (s *settings) deleteCommand() *cobra.Command {
	return s.operation(&cobra.Command{
		Use:     "delete KEY",
		Short:   "Remove a key",
		Example: "  client delete colour",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return s.invoke(c, kv.Delete([]byte(args[0])), func(r client.Result) error {
				found, err := kv.DecodeDelete(r.Value)
				if err != nil {
					return err
				}
				word := "nothing to delete"
				if found {
					word = "deleted"
				}
				return s.print(c, fields{{"deleted", found}, {"sequence", r.Sequence}}, "%s, sequence %d\n", word, r.Sequence)
			})
		},
	})
}

func (s *settings) casCommand() *cobra.Command {
	var absent, remove bool
	c := s.operation(&cobra.Command{
		Use:   "cas KEY OLD NEW",
		Short: "Replace the value of a key if it is a certain one",
		Long: `Replace the value under KEY by NEW if it is OLD. With --absent there is no OLD:
the key must have no value. With --remove there is no NEW: the key is removed.
If another value stood there, nothing changes and the exit status is 4.`,
		Example: `  client cas lock --absent alice
  client cas lock alice bob
  client cas lock bob --remove`,
		Args: func(_ *cobra.Command, args []string) error {
			want := 3
			if absent {
				want--
			}
			if remove {
				want--
			}
			if len(args) != want {
				return fmt.Errorf("cas takes %d arguments with these flags, not %d", want, len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			old, fresh := kv.Value{}, kv.Value{}
			if !absent {
				old = kv.Some([]byte(args[1]))
			}
			if !remove {
				fresh = kv.Some([]byte(args[len(args)-1]))
			}
			return s.invoke(c, kv.CompareAndSet([]byte(args[0]), old, fresh), func(r client.Result) error {
				return s.compared(c, r)
			})
		},
	})
	c.Flags().BoolVar(&absent, "absent", false, "the key must have no value; leave out OLD")
	c.Flags().BoolVar(&remove, "remove", false, "remove the key; leave out NEW")
	return c
}

func (s *settings) compared(c *cobra.Command, r client.Result) error {
	was, err := kv.DecodeCompare(r.Value)
	if err != nil {
		return err
	}
	if s.json {
		err = s.print(c, fields{{"set", was.Set}, {"found", was.Before.Present}, {"before", text(was.Before.Bytes)}, {"sequence", r.Sequence}}, "")
	} else if was.Set {
		err = s.print(c, nil, "set, sequence %d\n", r.Sequence)
	}
	if err != nil || was.Set {
		return err
	}
	before := "there is no value"
	if was.Before.Present {
		before = fmt.Sprintf("the value is %.80q", was.Before.Bytes)
	}
	return &cli.Problem{Status: exitRefused, Err: fmt.Errorf("not set: %s", before)}
}

func (s *settings) incrCommand() *cobra.Command {
	return s.operation(&cobra.Command{
		Use:   "incr KEY [DELTA]",
		Short: "Add to the number under a key and print the sum",
		Long:  "Add DELTA, by default 1, to the decimal number under a key, and print the sum. No value counts as 0.",
		Example: `  client incr visits
  client incr balance -- -5`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			delta := int64(1)
			if len(args) == 2 {
				var err error
				if delta, err = strconv.ParseInt(args[1], 10, 64); err != nil {
					return cli.Usage("DELTA is %q; want a whole number of 64 bits", args[1])
				}
			}
			return s.invoke(c, kv.Increment([]byte(args[0]), delta), func(r client.Result) error {
				sum, err := kv.DecodeIncrement(r.Value)
				if err != nil {
					return err
				}
				return s.print(c, fields{{"value", sum}, {"sequence", r.Sequence}}, "%d\n", sum)
			})
		},
	})
}
