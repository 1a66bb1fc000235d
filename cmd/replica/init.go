package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/cmd/internal/cli"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/crypto/keyfile"
	"github.com/varangian-bft/varangian/internal/groupfile"
	"github.com/varangian-bft/varangian/replica"
)

// A layout says which group to make.
type layout struct {
	dir         string
	name        string
	replicas    int
	faults      int
	clients     int
	addressBase string
	ports       string
	seal        sealing
	origin      *successor // nil for a group that begins empty
}

const (
	portsStep = "step" // 10 apart from that of the base address on
	portsAuto = "auto" // free ones
)

func (l *layout) addFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&l.dir, "dir", "", "the folder to make the group in; it must be new or empty")
	f.StringVar(&l.name, "name", "varangian", "name of the group")
	f.IntVar(&l.replicas, "replicas", 4, "how many replicas: 4 tolerate 1 that is faulty, 7 tolerate 2, 10 tolerate 3")
	f.IntVar(&l.faults, "faults", 0, "how many faulty replicas to tolerate; follows from --replicas, and is needed for 1 replica")
	f.IntVar(&l.clients, "clients", 1, "how many clients to enrol, beside an operator")
	f.StringVar(&l.addressBase, "address-base", "/ip4/127.0.0.1/tcp/7400", "address of replica 0")
	f.StringVar(&l.ports, "ports", portsStep, "step: 10 apart from that of --address-base on; auto: free ones, for tests")
}

func initCommand() *cobra.Command {
	var l layout
	var from, oldGroup string
	c := &cobra.Command{
		Use:   "init --dir DIR",
		Short: "Lay out a whole group: keys, configuration, group file",
		Long: `Lay out a whole group in a folder:

  group.toml               what all parties must agree on
  replica-N/replica.toml   configuration of replica N
  replica-N/keys           its keys, mode 0600
  replica-N/data/          its log and state, once it runs
  client-N/keys            keys of an enrolled client
  operator/keys            keys that may add and remove clients

For replicas on several machines, edit the addresses in group.toml, and give each
party the group file and its own folder.

With --restore FILE the group begins with the state in a backup of another group,
which ended because it lost its quorum for good. Its clients keep their keys, and its
parameters stay; the replicas get new keys. The group file names the snapshot, so
that members which begin with another one are in another group. What the old group
executed after the snapshot is given up: read docs/operations.md first.`,
		Example: `  replica init --replicas 4 --dir group
  replica init --replicas 1 --faults 0 --dir alone
  replica init --restore monday.backup --old-group group/group.toml --dir successor`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if (from == "") != (oldGroup == "") {
				return cli.Usage("--restore FILE and --old-group FILE go together: the backup, and the file of the group that it is of")
			}
			if from != "" {
				if err := l.succeed(c, from, oldGroup); err != nil {
					return err
				}
			}
			if !c.Flags().Changed("faults") {
				if l.faults = consensus.QuorumsOf(l.replicas).F; l.replicas == 1 {
					return cli.Usage("one replica tolerates no fault; give --faults 0 if that is meant, or use --replicas 4")
				}
			}
			g, err := l.make()
			if err != nil {
				return err
			}
			return l.explain(c, g)
		},
	}
	l.addFlags(c)
	l.seal.addFlags(c)
	c.Flags().StringVar(&from, "restore", "", "a backup of another group, with whose state this one begins")
	c.Flags().StringVar(&oldGroup, "old-group", "", "the group file of the group that the backup is of")
	return c
}

// make lays the group out, all of it or nothing.
func (l *layout) make() (*consensus.Group, error) {
	if l.dir == "" {
		return nil, cli.Usage("--dir is missing; name the folder to make the group in")
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	passphrase, err := l.seal.passphrase()
	if err != nil {
		return nil, err
	}
	addresses, err := l.addresses()
	if err != nil {
		return nil, err
	}
	if left, err := os.ReadDir(l.dir); err == nil && len(left) > 0 {
		return nil, fmt.Errorf("the folder %s is not empty; a group is never written over another, so choose a new folder", l.dir)
	}
	dir := filepath.Clean(l.dir)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp(filepath.Dir(dir), ".varangian-init-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch) // gone already if all went well
	g, err := l.fill(scratch, addresses, passphrase)
	if err != nil {
		return nil, err
	}
	return g, os.Rename(scratch, dir)
}

// check refuses what NewGroup would refuse, before any key is made.
func (l *layout) check() error {
	q := consensus.QuorumsOf(l.replicas)
	switch {
	case l.replicas < 1 || l.replicas > consensus.ReplicasMax:
		return cli.Usage("--replicas is %d; a group has 1 to %d", l.replicas, consensus.ReplicasMax)
	case l.replicas == 2 || l.replicas == 3:
		return cli.Usage("--replicas is %d, and %d replicas tolerate no fault; use 4 or more", l.replicas, l.replicas)
	case l.faults != q.F:
		return cli.Usage("--faults is %d, and %d replicas tolerate %d; 3 * faults + 1 replicas are needed", l.faults, l.replicas, q.F)
	case l.clients < 0 || uint64(l.clients) >= consensus.DefaultParameters().ClientsMax:
		return cli.Usage("--clients is %d; want 0 to %d", l.clients, consensus.DefaultParameters().ClientsMax-1)
	case len(l.name) == 0 || len(l.name) > 64:
		return cli.Usage("--name has %d bytes; want 1 to 64", len(l.name))
	}
	return nil
}

// fill writes the files of the group.
func (l *layout) fill(dir string, addresses []string, passphrase []byte) (*consensus.Group, error) {
	f := &groupfile.File{Name: l.name, Engine: "pbft", Faults: l.faults, Parameters: consensus.DefaultParameters()}
	if l.origin != nil {
		l.origin.enter(f)
	}
	for i, address := range addresses {
		name := fmt.Sprintf("replica-%d", i)
		public, err := l.party(dir, name, passphrase)
		if err != nil {
			return nil, err
		}
		config := map[string]string{"group": "../group.toml", "key": "keys", "data_dir": "data"}
		if err := os.WriteFile(filepath.Join(dir, name, fileName), []byte(fileText(config)), 0o644); err != nil {
			return nil, err
		}
		if err := replica.MarkNew(filepath.Join(dir, name, "data")); err != nil {
			return nil, err
		}
		f.Replicas = append(f.Replicas, groupfile.Replica{Name: name, Key: public.Signing, Transport: public.Transport, Address: address})
	}
	for i := range l.parties() {
		name, operator := fmt.Sprintf("client-%d", i), i == l.clients
		if operator {
			name = "operator"
		}
		public, err := l.party(dir, name, passphrase)
		if err != nil {
			return nil, err
		}
		f.Clients = append(f.Clients, groupfile.Client{Name: name, Key: public.Signing, Transport: public.Transport, Operator: operator})
	}
	g, err := f.Group(crypto.Ed25519)
	if err != nil {
		return nil, err
	}
	if err := groupfile.Write(filepath.Join(dir, "group.toml"), f); err != nil {
		return nil, err
	}
	return g, os.Chmod(dir, 0o755)
}

// party makes the folder and the keys of one party.
func (l *layout) party(dir, name string, passphrase []byte) (keyfile.Public, error) {
	if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
		return keyfile.Public{}, err
	}
	return writeKeys(filepath.Join(dir, name, "keys"), fmt.Sprintf("%s of %s", name, l.name), passphrase)
}

// explain says what was made and what to type next.
func (l *layout) explain(c *cobra.Command, g *consensus.Group) error {
	out := c.OutOrStdout()
	if l.origin != nil {
		return l.origin.explain(out, l, g)
	}
	fmt.Fprintf(out, "Made group %q in %s: %d replicas, of which %d may be faulty; %d clients and an operator.\nGroup id %s\n\n",
		l.name, l.dir, g.N, g.F, l.clients, g.ID)
	fmt.Fprint(out, "Start each replica in a terminal of its own:\n")
	for i := range g.N {
		fmt.Fprintf(out, "  replica run --dir %s\n", filepath.Join(l.dir, fmt.Sprintf("replica-%d", i)))
	}
	if l.clients > 0 {
		use := clientLine(l.dir)
		fmt.Fprintf(out, "Then use the service:\n  %s put colour green\n  %s get colour\n", use, use)
	}
	_, err := fmt.Fprintf(out, "See where a replica stands:\n  replica status --dir %s\n", filepath.Join(l.dir, "replica-0"))
	return err
}

// clientLine is how the client program is called for a group. It names no
// environment variable: replicas started in the same terminal would see it too.
func clientLine(dir string) string {
	return fmt.Sprintf("client --group %s --key %s", filepath.Join(dir, "group.toml"), filepath.Join(dir, "client-0", "keys"))
}
