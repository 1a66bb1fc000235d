package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/varangian-bft/varangian/cmd/internal/cli"
	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
	"github.com/varangian-bft/varangian/internal/groupfile"
	"github.com/varangian-bft/varangian/replica"
)

// A successor is what a group takes over from one that lost its quorum.
type successor struct {
	file   string
	old    *groupfile.File
	backup *replica.Backup
}

// succeed verifies the backup with which the group begins, and takes from the old
// group what no flag says.
func (l *layout) succeed(c *cobra.Command, file, oldGroup string) error {
	if c.Flags().Changed("clients") {
		return cli.Usage("--clients and --restore are both given; the clients of the backup stay enrolled, and an operator adds others")
	}
	old, err := groupfile.Read(oldGroup)
	if err != nil {
		return missing(err, "name the file of the group that the backup is of with --old-group FILE")
	}
	g, err := old.Group(crypto.Ed25519)
	if err != nil {
		return err
	}
	bar := newBar(c.ErrOrStderr(), "entries")
	b, err := replica.VerifyBackup(c.Context(), file, g, bar.report)
	bar.end()
	if err != nil {
		return ended(err)
	}
	l.origin, l.clients = &successor{file: file, old: old, backup: b}, 0
	if !c.Flags().Changed("name") {
		l.name = old.Name
	}
	if !c.Flags().Changed("replicas") {
		l.replicas = len(old.Replicas)
	}
	return nil
}

// parties returns how many clients and operators get keys: none in a group whose
// clients have theirs.
func (l *layout) parties() int {
	if l.origin != nil {
		return 0
	}
	return l.clients + 1
}

// enter puts into a group file what comes from the old group.
func (s *successor) enter(f *groupfile.File) {
	f.Parameters, f.Origin = s.old.Parameters, s.backup.Origin()
	for _, e := range s.backup.Clients() {
		f.Clients = append(f.Clients, groupfile.Client{Name: e.Name, Key: crypto.PublicKey(e.Client), Transport: e.Transport, Operator: e.Operator})
	}
}

// explain says what was made, and what the parties have to do next.
func (s *successor) explain(out io.Writer, l *layout, g *consensus.Group) error {
	b := s.backup
	fmt.Fprintf(out, `Made group %q in %s: %d replicas, of which %d may be faulty; %d clients.
Group id %s
It begins with snapshot %d of group %s, digest
%s

Each party compares group id and digest with the others, and then restores its replica:
`, l.name, l.dir, g.N, g.F, len(g.Genesis.Clients), g.ID, b.Sequence, b.Group, b.Digest)
	for i := range g.N {
		fmt.Fprintf(out, "  replica restore --from %s --dir %s\n", s.file, filepath.Join(l.dir, fmt.Sprintf("replica-%d", i)))
	}
	_, err := fmt.Fprint(out, "After that it starts it. No replica of the old group may ever run again.\n")
	return err
}
