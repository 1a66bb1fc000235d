package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/cmd/internal/cli"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/groupfile"
)

// The exit statuses of this command beside the shared ones.
const (
	exitNoAnswer = 3 // no quorum or time-out: the outcome may be unknown
	exitRefused  = 4 // by the application or the group
	exitInvalid  = 5 // a receipt does not hold
)

func main() { os.Exit(cli.Main(newRoot(), cli.EnvClient, status)) }

// status returns the exit status for an error of the client library.
func status(err error) int {
	switch {
	case errors.Is(err, client.ErrTooLarge), errors.Is(err, client.ErrForeignGroup):
		return cli.ExitSurrounding // another group may take it
	case errors.Is(err, client.ErrRejected), errors.Is(err, client.ErrForeignKey):
		return exitRefused
	case errors.Is(err, client.ErrOverloaded) && client.OutcomeOf(err) == client.OutcomeNever:
		return exitRefused
	case errors.Is(err, client.ErrTimeout), errors.Is(err, client.ErrOverloaded), errors.Is(err, client.ErrForgotten),
		errors.Is(err, client.ErrResultGone), errors.Is(err, client.ErrClosed), errors.Is(err, client.ErrCancelled):
		return exitNoAnswer
	}
	return 0
}

// settings are the flags of every command.
type settings struct {
	group          string
	key            string
	passphraseFile string
	timeout        time.Duration
	json           bool
	receipt        string
}

func newRoot() *cobra.Command {
	s := &settings{}
	root := &cobra.Command{
		Use:   "client",
		Short: "Talk to a replicated key-value service",
		Long: `Talk to a group of replicas that run the built-in key-value service.

An operation is executed once or not at all, and its result is believed when f+1
replicas say it alike. If no answer comes in time, exit status 3 says that it may
have been executed.

Each flag may be given as an environment variable: --group as VARANGIAN_CLIENT_GROUP,
--passphrase-file as VARANGIAN_CLIENT_PASSPHRASE_FILE. A flag goes first.

Exit status: 0 done; 1 the surroundings do not fit; 2 wrong usage, or a file that
is wrong in itself; 3 no quorum or no answer in time; 4 refused by the application
or the group; 5 a receipt does not hold; 130 interrupted.`,
		Example: `  client --group group/group.toml --key group/client-0/keys put colour green
  export VARANGIAN_CLIENT_GROUP=group/group.toml VARANGIAN_CLIENT_KEY=group/client-0/keys
  client get colour
  client incr visits 1
  client put colour blue --receipt blue.receipt && client receipt verify blue.receipt
  client status`,
	}
	f := root.PersistentFlags()
	f.StringVar(&s.group, "group", "group.toml", "the file that describes the group")
	f.StringVar(&s.key, "key", "client.key", "the client's key file")
	f.StringVar(&s.passphraseFile, "passphrase-file", "", "a file whose first line unseals the key file")
	f.DurationVar(&s.timeout, "timeout", 10*time.Second, "how long to wait for an answer")
	f.BoolVar(&s.json, "json", false, "print JSON")
	return cli.Family(root, s.putCommand(), s.getCommand(), s.deleteCommand(), s.casCommand(), s.incrCommand(), s.scanCommand(),
		s.batchCommand(), s.statusCommand(), s.adminCommand(), s.receiptCommand(), cli.VersionCommand("client", &s.json))
}

// file reads the group file.
func (s *settings) file() (*groupfile.File, error) {
	f, err := groupfile.Read(s.group)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; name the group file with --group FILE or %s", err, cli.EnvClient.Name("group"))
	}
	return f, err
}

// connect returns a client of the group.
func (s *settings) connect(ctx context.Context) (*client.Client, error) {
	if s.timeout <= 0 {
		return nil, cli.Usage("--timeout is %v; it must be above 0", s.timeout)
	}
	f, err := s.file()
	if err != nil {
		return nil, err
	}
	g, err := f.Group(crypto.Ed25519)
	if err != nil {
		return nil, err
	}
	keys, err := cli.ReadKeys(ctx, s.key, s.passphraseFile, cli.EnvClient)
	if err != nil {
		return nil, err
	}
	cfg := client.Config{Group: g, Keys: keys}
	for _, r := range f.Remotes() {
		cfg.Remotes = append(cfg.Remotes, client.Remote{ID: r.ID, Transport: r.Transport, Address: r.Address})
	}
	slow := make(chan struct{}, 1) // said once: a batch has many operations that wait for the same
	var cl *client.Client
	cl, err = client.Dial(ctx, cfg, client.WithTimeout(s.timeout), client.WithSlow(slowAfter, func() {
		select {
		case slow <- struct{}{}:
			fmt.Fprintf(os.Stderr, "no answer yet, waiting up to %v: %s\n", s.timeout, reachable(cl))
		default:
		}
	}))
	return cl, err
}

// slowAfter is how long an operation may take before somebody at a terminal, or
// who reads a log, wants to know what it waits for.
const slowAfter = 2 * time.Second

// within runs something with a client, which bounds each operation by --timeout.
func (s *settings) within(c *cobra.Command, run func(context.Context, *client.Client) error) error {
	cl, err := s.connect(c.Context())
	if err != nil {
		return err
	}
	defer cl.Close()
	err = run(c.Context(), cl)
	if count, _ := cl.Reachable(); errors.Is(err, client.ErrTimeout) && count >= cl.Group().Quorum {
		return fmt.Errorf("%w; %s", err, askStatus)
	}
	return err
}

// askStatus is what to do if enough replicas are connected and yet do not answer:
// they may recover, or lack room.
const askStatus = "client status says why nothing moves"

func reachable(cl *client.Client) string {
	count, words := cl.Reachable()
	if count >= cl.Group().Quorum {
		words += "; " + askStatus
	}
	return words
}
