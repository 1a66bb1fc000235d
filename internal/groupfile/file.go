package groupfile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/varangian-bft/varangian/consensus"
	"github.com/varangian-bft/varangian/crypto"
)

const (
	// Version is the format that this package reads and writes.
	Version = 1

	// fileBytesMax is far above a group file with every client that fits into one.
	fileBytesMax = 16 << 20
)

// A File is the content of a group file. The zero File is not valid.
type File struct {
	Name       string // of the group; 1 to 64 bytes
	Engine     string // "pbft"
	Faults     int    // f, as R1 gives it for the number of replicas
	Parameters consensus.Parameters
	Replicas   []Replica        // the index is the replica's id
	Clients    []Client         // enrolled at sequence 0 (R34)
	Origin     consensus.Origin // the zero Origin unless the group begins with a backup

	path string // for errors; empty unless read from a file
}

// A Replica is one member with its address.
type Replica struct {
	Name      string           // for people; unique; 1 to 64 bytes
	Key       crypto.PublicKey // signs protocol messages and receipts
	Transport crypto.PublicKey // identifies the replica to the transport
	Address   string           // multiaddr, as "/ip4/192.0.2.7/tcp/7400"; not part of the group id
}

// A Client is one enrolled client or operator.
type Client struct {
	Name      string           // for people; unique; 1 to 64 bytes
	Key       crypto.PublicKey // signs requests
	Transport crypto.PublicKey // identifies the client to the transport
	Operator  bool             // may add and remove clients (R34)
}

// A Remote is where to find a replica and how to recognise it.
type Remote struct {
	ID        consensus.ReplicaID
	Name      string
	Transport crypto.PublicKey
	Address   string
}

// A FormatError says that a group file is wrong in itself: what, where, and what
// to do about it, in one line. Line and Column count from 1; they are 0 if the
// fault has no one place in the file.
type FormatError struct {
	Path         string
	Line, Column int
	Problem      string
}

// Error returns path:line:column: problem.
func (e *FormatError) Error() string {
	path := e.Path
	if path == "" {
		path = "group file"
	}
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", path, e.Problem)
	}
	return fmt.Sprintf("%s:%d:%d: %s", path, e.Line, e.Column, e.Problem)
}

// Read returns the content of the group file at a path. A file that is wrong in
// itself gives a *FormatError, any other failure the error of the file system.
func Read(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, fileBytesMax+1))
	if err != nil {
		return nil, err
	}
	return Parse(path, text)
}

// Write stores the file at a path where nothing is yet, and makes it durable. It
// refuses what Read would refuse, and never overwrites: another group file is
// another group.
func Write(path string, f *File) error {
	text, err := f.Marshal()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	if err == nil {
		err = out.Sync()
	}
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		_ = os.Remove(path) // half a group file is worse than none
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closed := d.Close(); err == nil {
		err = closed
	}
	return err
}

// Genesis returns what all parties agree on: everything but the addresses.
func (f *File) Genesis() consensus.Genesis {
	g := consensus.Genesis{Name: f.Name, Engine: f.Engine, Faults: f.Faults, Parameters: f.Parameters, Origin: f.Origin}
	for _, r := range f.Replicas {
		g.Replicas = append(g.Replicas, consensus.Member{Name: r.Name, Key: r.Key, Transport: r.Transport})
	}
	for _, c := range f.Clients {
		g.Clients = append(g.Clients, consensus.Enrolment{
			Name: c.Name, Client: consensus.ClientID(c.Key), Transport: c.Transport, Operator: c.Operator,
		})
	}
	return g
}

// Group returns the first membership of the group, whose keys the scheme has
// accepted (R12).
func (f *File) Group(scheme crypto.Scheme) (*consensus.Group, error) {
	g, err := consensus.NewGroup(f.Genesis(), scheme)
	if err != nil {
		return nil, f.fault("%s", err)
	}
	return g, nil
}

// Remotes returns the replicas in order of their ids.
func (f *File) Remotes() []Remote {
	out := make([]Remote, len(f.Replicas))
	for i, r := range f.Replicas {
		out[i] = Remote{ID: consensus.ReplicaID(i), Name: r.Name, Transport: r.Transport, Address: r.Address}
	}
	return out
}

func (f *File) fault(format string, args ...any) error {
	return &FormatError{Path: f.path, Problem: fmt.Sprintf(format, args...)}
}

// check holds what a file must keep beyond what makes a group.
func (f *File) check() error {
	names := map[string]string{}
	claim := func(name, who string) error {
		if len(name) == 0 || len(name) > 64 || !utf8.ValidString(name) {
			return f.fault("%s needs a name of 1 to 64 bytes of UTF-8", who)
		}
		if other, ok := names[name]; ok {
			return f.fault("%s has the name %q, which %s has too; names tell parties apart, change one", who, name, other)
		}
		names[name] = who
		return nil
	}
	if len(f.Name) == 0 || len(f.Name) > 64 || !utf8.ValidString(f.Name) {
		return f.fault("the group needs a name of 1 to 64 bytes of UTF-8")
	}
	for i, r := range f.Replicas {
		who := fmt.Sprintf("replica %d", i)
		if err := claim(r.Name, who); err != nil {
			return err
		}
		if err := CheckAddress(r.Address); err != nil {
			return f.fault("%s (%s): address %q: %s", who, r.Name, r.Address, err)
		}
	}
	for i, c := range f.Clients {
		if err := claim(c.Name, fmt.Sprintf("client %d", i)); err != nil {
			return err
		}
	}
	return nil
}
