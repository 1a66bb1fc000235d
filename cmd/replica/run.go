package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/cmd/internal/cli"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/groupfile"
	"github.com/varangian-bft/varangian/replica"
	"github.com/varangian-bft/varangian/statemachine/kv"
)

func runCommand() *cobra.Command {
	var withStdin, first bool
	c := &cobra.Command{
		Use:   "run",
		Short: "Run one replica until it is told to stop",
		Long: `Run one replica with the built-in key-value service.

SIGTERM or SIGINT lets it finish what is under way and store its last checkpoint; a
second one ends it at once, and so does a crash: what it promised is in its log.

When the disk is full, or a limit of the process is used up, it stops in time, and
waits until there is room. docs/operations.md says what each line and status means.`,
		Example: `  replica run --dir group/replica-0
  replica run --config /etc/varangian/replica.toml --log-format json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := load(c.Flags())
			if err != nil {
				return err
			}
			if withStdin {
				go endWithStdin(os.Stdin)
			}
			cfg.first = first
			return cfg.run(c.Context(), newLogger(c.ErrOrStderr(), cfg.logLevel, cfg.logFormat))
		},
	}
	addFlags(c.Flags())
	c.Flags().BoolVar(&withStdin, "exit-with-stdin", false, "end at once when standard input ends, as it does when the process that holds its other end is gone")
	c.Flags().BoolVar(&first, "first-start", false, "the empty data folder was made by hand, and this replica never ran; give it once only")
	return c
}

// endWithStdin ends the process when its input does. Whoever started it is gone
// then, however that came, and nobody waits for it to finish properly.
func endWithStdin(in io.Reader) {
	_, _ = io.Copy(io.Discard, in)
	os.Exit(cli.ExitInterrupted)
}

// run runs the replica until ctx is done.
func (c *loaded) run(ctx context.Context, logger *slog.Logger) error {
	cfg, err := c.replicaConfig(ctx, logger)
	if err != nil {
		return err
	}
	if err := replica.Serve(ctx, cfg, kv.New()); err != nil {
		return ended(err)
	}
	logger.Info("replica stopped")
	return nil
}

// ended gives what ended a replica its exit status, also while a signal is being
// followed.
func ended(err error) error { return &cli.Problem{Status: replica.ExitCode(err), Err: err} }

// replicaConfig reads the files that the settings name.
func (c *loaded) replicaConfig(ctx context.Context, logger *slog.Logger) (replica.Config, error) {
	f, err := groupfile.Read(c.group)
	if err != nil {
		return replica.Config{}, missing(err, "name the group file with --group FILE or "+cli.EnvReplica.Name("group"))
	}
	g, err := f.Group(crypto.Ed25519)
	if err != nil {
		return replica.Config{}, err
	}
	keys, err := cli.ReadKeys(ctx, c.key, c.passphraseFile, cli.EnvReplica)
	if err != nil {
		return replica.Config{}, err
	}
	cfg := replica.Config{
		Group: g, Keys: keys, DataDir: c.dataDir, Listen: c.listen, Timeout: c.timeout,
		SegmentBytes: c.segmentBytes, ScrubKeys: c.scrubKeys, Verifiers: c.verifiers, Logger: logger, FirstStart: c.first,
	}
	cfg.Serve.BytesPerSecondEach = uint64(c.transferRate) << 20
	cfg.Serve.BytesPerSecondAll = 2 * cfg.Serve.BytesPerSecondEach
	public := keys.Public()
	for _, r := range f.Remotes() {
		cfg.Remotes = append(cfg.Remotes, replica.Remote{ID: r.ID, Transport: r.Transport, Address: r.Address})
		if cfg.Listen == "" && r.Transport == public.Transport {
			cfg.Listen = r.Address
		}
	}
	if cfg.Listen == "" {
		// Who says so is part of it: a variable set long ago is easily forgotten.
		return replica.Config{}, &cli.Problem{Status: cli.ExitSurrounding, Err: fmt.Errorf(
			"the keys in %s (from %s) belong to no replica of %s (from %s); use the key file of a replica and the group file of its group",
			c.key, c.source("key"), c.group, c.source("group"))}
	}
	return cfg, nil
}
