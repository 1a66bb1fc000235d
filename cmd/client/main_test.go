package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/varangian-bft/varangian/client"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/keyfile"
	"github.com/varangian-bft/varangian/internal/groupfile"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"client": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			f, err := prepare(e.WorkDir)
			if err != nil {
				return err
			}
			stop, err := live(e.WorkDir, f)
			if err == nil {
				e.Defer(stop)
			}
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "chmod": chmod},
	})
}

// exits runs a command and checks its exit status.
func exits(s *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		s.Fatalf("usage: exits STATUS COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	s.Check(err)
	got := 0
	if err := s.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			s.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		s.Fatalf("exit status %d, want %d", got, want)
	}
}

func chmod(s *testscript.TestScript, _ bool, args []string) {
	mode, err := strconv.ParseUint(args[0], 8, 32)
	s.Check(err)
	s.Check(os.Chmod(s.MkAbs(args[1]), os.FileMode(mode)))
}

func seed(kind, i byte) crypto.Seed { return crypto.Seed{kind, i} }

func public(s crypto.Seed) crypto.PublicKey { return crypto.Ed25519.NewSigner(s).Public() }

// prepare writes the file of a group that nobody runs, keys, and receipts.
func prepare(dir string) (*groupfile.File, error) {
	f := &groupfile.File{Name: "ledger", Engine: "pbft", Faults: 1, Parameters: consensus.DefaultParameters()}
	f.Parameters.KeyBytesMax = 16
	f.Parameters.CheckpointInterval, f.Parameters.Window = 1<<14, 1<<15
	for i := range byte(4) {
		f.Replicas = append(f.Replicas, groupfile.Replica{
			Name: fmt.Sprint("r", i), Key: public(seed(1, i)), Transport: public(seed(2, i)), Address: fmt.Sprint("/ip4/127.0.0.1/tcp/", 1+i),
		})
	}
	for i, name := range []string{"olga", "bob", "eve"} {
		keys := keyfile.Keys{Signing: seed(3, byte(i)), Transport: seed(4, byte(i)), Comment: name}
		f.Clients = append(f.Clients, groupfile.Client{Name: name, Key: keys.Public().Signing, Transport: keys.Public().Transport, Operator: i == 0})
		if err := keyfile.Write(filepath.Join(dir, name+".key"), keys, nil); err != nil {
			return nil, err
		}
	}
	f.Clients = f.Clients[:2] // eve is not enrolled
	if err := groupfile.Write(filepath.Join(dir, "good.toml"), f); err != nil {
		return nil, err
	}
	sealed := keyfile.Keys{Signing: seed(3, 0), Transport: seed(4, 0)}
	if err := keyfile.Write(filepath.Join(dir, "sealed.key"), sealed, []byte("correct horse"), keyfile.WithWorkFactor(2)); err != nil {
		return nil, err
	}
	return f, receipts(dir, f)
}

// receipts writes one that holds and one that too few replicas signed.
func receipts(dir string, f *groupfile.File) error {
	g, err := f.Group(crypto.Ed25519)
	if err != nil {
		return err
	}
	receipt := consensus.Receipt{Leaf: consensus.Leaf{Client: consensus.ClientID(f.Clients[0].Key), Session: 5, Timestamp: 1, Sequence: 77}}
	tree := crypto.NewMerkleTree([]crypto.Digest{receipt.Leaf.Hash()})
	for _, i := range []byte{1, 2} {
		if err := os.WriteFile(filepath.Join(dir, "weak.receipt"), client.MarshalReceipt(receipt), 0o600); err != nil {
			return err
		}
		receipt.Roots = append(receipt.Roots, consensus.SignedRoot{
			Replica: consensus.ReplicaID(i), Root: tree.Root(), Path: tree.Path(0),
			Signature: crypto.Ed25519.NewSigner(seed(1, i)).Sign(consensus.ReceiptStatement(g, tree.Root())),
		})
	}
	return os.WriteFile(filepath.Join(dir, "good.receipt"), client.MarshalReceipt(receipt), 0o600)
}
