package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/cmd/internal/cli"
	"github.com/varangian-bft/varangian/crypto/keyfile"
)

func keygenCommand() *cobra.Command {
	var seal sealing
	var comment string
	var asJSON bool
	c := &cobra.Command{
		Use:   "keygen FILE",
		Short: "Make the two keys of a replica or client",
		Long: `Make a key file of mode 0600 with two new keys: one that signs, and one that
identifies its holder to the transport. Print the public ones, as they stand in a
group file or are given to client admin add. Nothing is ever overwritten.`,
		Example: `  replica keygen alice.key --comment "alice, laptop"
  replica keygen replica-4.key --seal --passphrase-file passphrase`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			passphrase, err := seal.passphrase()
			if err != nil {
				return err
			}
			public, err := writeKeys(args[0], comment, passphrase)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(map[string]any{"key": public.Signing, "transport": public.Transport})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "key = \"%v\"\ntransport = \"%v\"\n", public.Signing, public.Transport)
			return err
		},
	}
	seal.addFlags(c)
	c.Flags().StringVar(&comment, "comment", "", "whose keys these are, one line in the file")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// sealing are the flags of commands that write key files.
type sealing struct {
	seal bool
	file string
}

func (s *sealing) addFlags(c *cobra.Command) {
	c.Flags().BoolVar(&s.seal, "seal", false, "encrypt key files with a passphrase; takes about a second for each")
	c.Flags().StringVar(&s.file, "passphrase-file", "", "a file whose first line is the passphrase of --seal; without it, the terminal is asked")
}

// passphrase returns what to seal with, or nothing.
func (s *sealing) passphrase() ([]byte, error) {
	if !s.seal {
		if s.file != "" {
			return nil, cli.Usage("--passphrase-file is given without --seal; give both, or neither for open key files")
		}
		return nil, nil
	}
	return cli.NewPassphrase(s.file)
}

func writeKeys(path, comment string, passphrase []byte) (keyfile.Public, error) {
	keys, err := keyfile.Generate(rand.Reader)
	if err != nil {
		return keyfile.Public{}, err
	}
	keys.Comment = comment
	if err := keyfile.Write(path, keys, passphrase); err != nil {
		return keyfile.Public{}, err
	}
	return keys.Public(), nil
}
