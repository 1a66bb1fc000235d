// Command serve runs one replica of the ledger: it is all that a service needs
// beside its Application.
//
//	go run ./cmd/replica init --replicas 4 --dir group
//	go run ./examples/ledger/serve group/replica-0
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/varangian-bft/varangian/crypto/keyfile"
	"github.com/varangian-bft/varangian/examples/ledger"
	"github.com/varangian-bft/varangian/replica"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: serve FOLDER, a replica's folder as replica init makes it")
		os.Exit(replica.ExitUsage)
	}
	err := serve(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
	}
	os.Exit(replica.ExitCode(err))
}

func serve(folder string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	keys, err := keyfile.Read(filepath.Join(folder, "keys"), nil)
	if err != nil {
		return err
	}
	r, err := replica.New(replica.Config{
		GroupFile: filepath.Join(folder, "..", "group.toml"),
		Keys:      keys,
		DataDir:   filepath.Join(folder, "data"),
	}, ledger.Ledger{})
	if err != nil {
		return err
	}
	return r.Run(ctx)
}
