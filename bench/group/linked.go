package group

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/varangian-bft/varangian/bench/links"
	"github.com/varangian-bft/varangian/internal/groupfile"
)

// link puts a link between any two replicas: each of them gets a group file of its
// own, in which the others have the addresses of links. Clients do without.
func (g *Group) link() error {
	f, err := groupfile.Read(g.File())
	if err != nil {
		return err
	}
	var targets []string
	for _, r := range f.Replicas {
		target, err := hostPort(r.Address)
		if err != nil {
			return err
		}
		targets = append(targets, target)
	}
	if g.Links, err = links.NewMesh(targets); err != nil {
		return err
	}
	for i, r := range g.Replicas {
		own := *f
		own.Replicas = nil
		for j, other := range f.Replicas {
			if j != i {
				other.Address = fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", g.Links.Link(i, j).Port())
			}
			own.Replicas = append(own.Replicas, other)
		}
		path := filepath.Join(r.Dir, "group.toml")
		if err := groupfile.Write(path, &own); err != nil {
			return err
		}
		r.flags = append(r.flags[:len(r.flags):len(r.flags)], "--group", path)
	}
	return nil
}

// hostPort turns an address of the kind that `replica init` gives into one for the
// net package.
func hostPort(address string) (string, error) {
	parts := strings.Split(address, "/")
	if len(parts) != 5 || parts[1] != "ip4" || parts[3] != "tcp" {
		return "", fmt.Errorf("address %q is not of the form /ip4/HOST/tcp/PORT", address)
	}
	return net.JoinHostPort(parts[2], parts[4]), nil
}
