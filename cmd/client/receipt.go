package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/cmd/internal/cli"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

// receiptBytesMax is above the largest receipt: 64 roots with their paths.
const receiptBytesMax = 1 << 20

func (s *settings) receiptCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "receipt",
		Short: "Check receipts",
	}
	return cli.Family(c, &cobra.Command{
		Use:   "verify FILE",
		Short: "Check a receipt, offline, against the group file alone",
		Long: `Check that f+1 replicas of the group signed what a receipt says: which request of
which client was executed, at which sequence number, and the digest of its
results. No replica is asked. Exit status 5 means that the receipt proves nothing.`,
		Example: `  client put colour blue --receipt blue.receipt
  client receipt verify blue.receipt`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := s.file()
			if err != nil {
				return err
			}
			g, err := f.Group(crypto.Ed25519)
			if err != nil {
				return err
			}
			encoding, err := read(args[0])
			if err != nil {
				return err
			}
			receipt, err := client.VerifyReceipt(g, encoding)
			if errors.Is(err, consensus.ErrReceiptForged) || errors.Is(err, consensus.ErrReceiptWeak) {
				err = fmt.Errorf("%w; it is forged, or %s is not the file of the group that gave it: compare the two", err, s.group)
			}
			if err != nil {
				return &cli.Problem{Status: exitInvalid, Err: fmt.Errorf("%s: %w", args[0], err)}
			}
			return s.printReceipt(c, g, receipt)
		},
	})
}

func read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, receiptBytesMax+1))
	if err == nil && len(b) > receiptBytesMax {
		err = errors.New(name + " is too large for a receipt")
	}
	return b, err
}

func (s *settings) printReceipt(c *cobra.Command, g *consensus.Group, r consensus.Receipt) error {
	var names []string
	for _, root := range r.Roots {
		if m, ok := g.Member(root.Replica); ok && !slices.Contains(names, m.Name) {
			names = append(names, m.Name)
		}
	}
	l := r.Leaf
	key := crypto.PublicKey(l.Client)
	return s.print(c, fields{
		{"valid", true},
		{"group", g.ID},
		{"client", key},
		{"session", l.Session},
		{"timestamp", l.Timestamp},
		{"request", l.Request},
		{"sequence", l.Sequence},
		{"results", l.Results},
		{"replicas", names},
	}, `valid: signed by %s (%d needed)
group      %s
client     %s
session    %d
timestamp  %d
request    %s
sequence   %d
results    %s
`, strings.Join(names, ", "), g.Weak, g.ID, key, l.Session, l.Timestamp, l.Request, l.Sequence, l.Results)
}
